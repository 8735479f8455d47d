from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError, InputError, PerceptError
from percept.images import read_image, to_uint8
from percept.primitives import mix
from percept.registry import registry
from percept.training.averaging import averaged
from percept.training.checkpoint import to_bytes
from percept.weights import load_weights
from percept_spandrel import networks, percept_generators
from percept_spandrel.generator import SpandrelGenerator
from safetensors.torch import load, load_file, save_file
from spandrel import ModelLoader
from spandrel.architectures.Compact import CompactArch
from spandrel.architectures.DnCNN import DnCNN
from spandrel.architectures.SwinIR import SwinIR
from torch import Tensor
from torch.nn import functional

SWINIR: dict[str, Any] = {
    "window_size": 8,
    "embed_dim": 12,
    "depths": [2, 2],
    "num_heads": [2, 2],
    "upsampler": "pixelshuffledirect",
}
ESRGAN = {"num_filters": 8, "num_blocks": 1}
COMPACT = {"num_feat": 8, "num_conv": 2}
pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid", "ignore:.torch.jit.script")


@pytest.fixture(scope="module")
def data() -> Path:
    path = Path(os.environ.get("PERCEPT_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data")
    if not path.is_dir():
        pytest.skip(f"no test data at {path}: set PERCEPT_TEST_DATA")
    return path


@pytest.fixture(scope="module")
def published(data: Path) -> Path:
    return data / "weights" / "realesr-animevideov3.pth"


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    photograph = skimage.data.coffee()  # type: ignore[no-untyped-call]  # scikit-image is not annotated
    return torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255


def _refused(**parameters: Any) -> str:
    with pytest.raises(PerceptError) as error:
        registry().build("generator", "spandrel", **parameters)
    text = str(error.value)
    assert isinstance(error.value, ComponentError | InputError)
    assert len(text.splitlines()) == 1
    return text


def test_published_weights_give_what_spandrel_gives(published: Path, coffee: Tensor) -> None:
    degraded = (coffee[..., :37, :50] > 0.05).float()
    network, descriptor = SpandrelGenerator(weights=str(published)).eval(), ModelLoader().load_from_file(published)
    assert (network.architecture, network.scale, network.commercial) == ("Compact", 4, True)
    with torch.no_grad():
        ours = network(degraded)
    assert ours.amax() > 1 or ours.amin() < 0  # not clamped
    assert (ours.clamp(0, 1) - descriptor(degraded)).abs().max() <= 1e-6


def test_published_weights_have_their_psnr_on_set5(data: Path, published: Path) -> None:
    network, ratios = SpandrelGenerator(weights=str(published), scale=4).eval(), []
    for path in sorted((data / "photos/set5/LR_bicubic/X4").glob("*.png")):
        target = read_image(data / "photos/set5/HR" / path.name.replace("x4", ""))
        with torch.no_grad():
            restored = network(read_image(path)[None])[0]
        error = (_luma(restored) - _luma(target))[..., 4:-4, 4:-4]
        ratios.append(10 * torch.log10(255**2 / error.square().mean()).item())
    assert len(ratios) == 5
    assert sum(ratios) / 5 == pytest.approx(28.23, abs=0.01)


def _luma(image: Tensor) -> Tensor:
    """Y of BT.601, 16 to 235, of an image in 8 bits; (3, H, W) in [0, 1] → (1, 1, H, W)."""
    levels = torch.from_numpy(to_uint8(image)).permute(2, 0, 1)[None].double() / 255
    return mix(levels, (65.481, 128.553, 24.966)) + 16


def test_every_parameter_of_published_weights_can_be_trained(published: Path, coffee: Tensor) -> None:
    network = SpandrelGenerator(weights=str(published))
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    target = coffee[..., :64, :64]
    losses = []
    for _ in range(8):
        degraded = functional.interpolate(target, scale_factor=0.25, mode="bicubic", antialias=True)
        loss = (network(degraded) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in network.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(not torch.equal(before[name], parameter) for name, parameter in network.named_parameters())


@pytest.mark.parametrize(
    ("architecture", "arguments", "scale"),
    [
        ("SwinIR", SWINIR, 2),
        ("SwinIR", SWINIR, 3),
        ("ESRGAN", ESRGAN, 4),
        ("ESRGAN", ESRGAN, 2),
        ("Compact", COMPACT, 8),
        ("Compact", COMPACT, 1),
        ("UpCunet3x", {}, 3),
    ],
)
def test_untrained_networks_take_any_size(architecture: str, arguments: dict[str, Any], scale: int) -> None:
    network = SpandrelGenerator(architecture=architecture, arguments=arguments, scale=scale).eval()
    assert (network.scale, network.architecture) == (scale, architecture)
    for size in ((1, 1), (7, 12), (17, 16)):
        degraded = torch.rand(2, 3, *size)
        with torch.no_grad():
            together = network(degraded)
            alone = torch.cat([network(image[None]) for image in degraded])
        assert together.shape == (2, 3, size[0] * scale, size[1] * scale)
        assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [
        ("DRUNet", {"in_nc": 4, "out_nc": 3, "nc": [4, 8, 8, 8]}),
        ("SeemoRe", {"num_layers": 2, "embedding_dim": 16}),
    ],
)
def test_networks_that_take_one_image_get_one(architecture: str, arguments: dict[str, Any]) -> None:
    network, degraded = (
        SpandrelGenerator(architecture=architecture, arguments=arguments).eval(),
        torch.rand(2, 3, 19, 18),
    )
    with torch.no_grad():
        assert torch.allclose(network(degraded)[1:], network(degraded[1:]), atol=1e-5)


def test_inputs_are_not_written_to() -> None:
    network, degraded = (
        SpandrelGenerator("RCAN", arguments={"n_resgroups": 1, "n_resblocks": 1}),
        torch.rand(1, 3, 8, 8),
    )
    before = degraded.clone()
    network(degraded)
    assert torch.equal(degraded, before)


def test_images_are_reflected_to_the_size_that_a_network_takes() -> None:
    network, degraded = SpandrelGenerator("DITN", arguments={"dim": 8}).eval(), torch.rand(1, 3, 13, 16)
    mirrored = functional.pad(degraded, (0, 0, 0, 3), mode="reflect")  # DITN takes multiples of 8
    with torch.no_grad():
        assert torch.equal(network(degraded), network(mirrored)[..., :52, :64])
    assert network(torch.rand(1, 3, 2, 3)).shape == (1, 3, 8, 12)


def test_the_input_of_uformer_is_made_square() -> None:
    network = SpandrelGenerator("Uformer", arguments={"embed_dim": 4, "depths": [1] * 9})
    assert network(torch.rand(1, 3, 9, 70)).shape == (1, 3, 9, 70)


def test_a_run_is_rebuilt_by_another_process(tmp_path: Path, coffee: Tensor) -> None:
    """Its parameters are in its record and its state in a file: a later process has nothing else."""
    torch.manual_seed(0)
    start = tmp_path / "start.safetensors"
    save_file(SwinIR(**SWINIR, upscale=2, img_range=2.0).state_dict(), start)
    parameters = {"weights": str(start), "arguments": {"img_range": 2.0}}
    network = SpandrelGenerator(**parameters)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    (network(coffee[..., :16, :16]).mean() - 1).abs().backward()
    optimizer.step()
    artefact = tmp_path / "artefact.safetensors"
    artefact.write_bytes(to_bytes(network))
    image = coffee[..., :20, :20].contiguous()
    save_file({"image": image}, tmp_path / "image.safetensors")
    code = f"""if True:
        import torch
        from percept.registry import registry
        from percept.weights import load_weights
        from safetensors.torch import load_file, save_file
        image = load_file({str(tmp_path / "image.safetensors")!r})["image"]
        rebuilt = registry().build("generator", "spandrel", **{parameters!r})
        load_weights(rebuilt, load_file({str(artefact)!r}), "the artefact")
        alone = registry().build("generator", "spandrel", weights={str(artefact)!r})
        with torch.no_grad():
            outputs = {{"rebuilt": rebuilt.eval()(image).contiguous(), "alone": alone.eval()(image).contiguous()}}
        save_file(outputs, {str(tmp_path / "outputs.safetensors")!r})
    """
    subprocess.run([sys.executable, "-c", code], check=True)
    outputs = load_file(tmp_path / "outputs.safetensors")
    with torch.no_grad():
        expected = network.eval()(image)
    assert torch.allclose(outputs["rebuilt"], expected, atol=1e-6)
    assert torch.allclose(outputs["alone"], expected, atol=1e-6)


def test_the_state_remembers_what_weights_do_not_tell(coffee: Tensor) -> None:
    """Two networks of the same weights, which only img_range tells apart."""
    one, other = (SpandrelGenerator("SwinIR", arguments={**SWINIR, "img_range": value}) for value in (1.0, 255.0))
    shapes = [{name: tensor.shape for name, tensor in network.network.state_dict().items()} for network in (one, other)]
    assert shapes[0] == shapes[1]
    expected = r"state is of SwinIR\(.*num_heads=.*\), but this network is SwinIR\(.*img_range=255.0.*\)"
    with pytest.raises(ComponentError, match=expected):
        other.load_state_dict(load(to_bytes(one)))
    with pytest.raises(ComponentError, match=expected) as error:
        load_weights(other, load(to_bytes(one)), "artefact 12345")
    assert len(str(error.value).splitlines()) == 1


def test_weights_and_arguments_of_an_artefact_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "artefact.safetensors"
    path.write_bytes(to_bytes(SpandrelGenerator("Compact", arguments=COMPACT, scale=2)))
    assert SpandrelGenerator(weights=str(path)).arguments == {**COMPACT, "upscale": 2}
    assert "artefact.safetensors: does not fit Compact" in _refused(weights=str(path), arguments={"num_feat": 16})
    assert "magnifies 2×, but scale is 4; change data.degrade" in _refused(weights=str(path), scale=4)
    state = load(path.read_bytes())
    save_file({**state, "_extra_state": torch.zeros(3, dtype=torch.uint8)}, path)
    assert "_extra_state does not say which network this is" in _refused(weights=str(path))


def test_a_published_checkpoint_can_be_where_a_named_network_starts(published: Path, coffee: Tensor) -> None:
    network, direct = SpandrelGenerator("Compact").eval(), SpandrelGenerator(weights=str(published)).eval()
    load_weights(network, torch.load(published, map_location="cpu", weights_only=True)["params"], str(published))
    load_weights(network, network.state_dict(), "its own state")
    with torch.no_grad():
        assert torch.equal(network(coffee[..., :9, :9]), direct(coffee[..., :9, :9]))
    with pytest.raises(PerceptError, match="does not fit SpandrelGenerator"):
        load_weights(SpandrelGenerator("Compact", arguments=COMPACT), direct.network.state_dict(), "file.pth")


def test_names_of_older_checkpoints_are_translated(coffee: Tensor) -> None:
    """spandrel calls the layers of ESRGAN as the first files did; Real-ESRGAN's say `body.0.rdb1`."""
    network = SpandrelGenerator("ESRGAN", arguments=ESRGAN)
    published = {
        name.replace("network.model.1.sub.0.RDB", "body.0.rdb")
        .replace(".0.weight", ".weight")
        .replace(".0.bias", ".bias"): value
        for name, value in network.state_dict().items()
        if "RDB" in name
    }
    for old, new in {
        "0": "conv_first",
        "1.sub.1": "conv_body",
        "3": "conv_up1",
        "6": "conv_up2",
        "8": "conv_hr",
        "10": "conv_last",
    }.items():
        for kind in ("weight", "bias"):
            published[f"{new}.{kind}"] = network.state_dict()[f"network.model.{old}.{kind}"]
    other = SpandrelGenerator("ESRGAN", arguments=ESRGAN)
    load_weights(other, published, "RealESRGAN.pth")
    assert torch.equal(other(coffee[..., :8, :8]), network(coffee[..., :8, :8]))


def test_an_average_can_be_kept() -> None:
    network = SpandrelGenerator("Compact", arguments=COMPACT)
    average = averaged(network, 0.9)
    average.update_parameters(network)
    load_weights(network, average.module.state_dict(), "the average")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"architecture": "swinir"}, "no architecture is called 'swinir'; did you mean SwinIR"),
        ({"architecture": "PLSKR"}, "did you mean PLKSR"),
        ({"architecture": "KBNet"}, "did you mean KBNet_s or KBNet_l?"),
        ({"architecture": "qqqqqq"}, "there are Compact, "),
        (
            {"architecture": "SwinIR", "arguments": {"upscal": 2}},
            "SwinIR has no argument 'upscal'; did you mean upscale?",
        ),
        ({"architecture": "Compact", "arguments": {"zzz": 2}}, "it takes num_in_ch, num_out_ch, "),
        ({"architecture": "SPAN"}, "SPAN cannot be built with its defaults: .*'num_in_ch' and 'num_out_ch'"),
        (
            {"architecture": "SwinIR", "arguments": {"window_size": 7}},
            "SwinIR cannot be built with window_size=7: RuntimeError",
        ),
        ({"architecture": "Compact", "arguments": {"act_type": "relu"}}, "does not recognise Compact by these weights"),
        ({"architecture": "Compact", "arguments": ["a"]}, "arguments is a map from names to values"),
        ({"architecture": "UpCunet2x", "scale": 4}, "UpCunet2x magnifies 2×, but scale is 4"),
        ({"architecture": "DnCNN"}, "DnCNN makes 1 of 1 channels; images have 3, RGB"),
        ({"architecture": "LaMa"}, "LaMa is for Inpainting"),
    ],
)
def test_what_makes_no_generator_is_refused_in_one_line(parameters: dict[str, Any], message: str) -> None:
    assert re.search(message, _refused(**parameters))


class _Code:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


def test_files_that_are_no_weights_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    assert "file.pth: no such checkpoint" in _refused(weights=str(path))
    path.write_bytes(pickle.dumps({"params": _Code()}))
    assert "file.pth: refused, this pickle wants to run code; convert it" in _refused(weights=str(path))
    torch.save({"params": {"body.0.weight": torch.zeros(1)}, "code": _Code()}, path)
    assert "file.pth: refused, this pickle wants to run code" in _refused(weights=str(path))
    for nonsense in (b"", b"svm_type epsilon_svr\n", bytes(range(256))):
        path.write_bytes(nonsense)
        assert "file.pth: " in _refused(weights=str(path))
    (tmp_path / "file.safetensors").write_bytes(b"nothing")
    assert "not a checkpoint that can be read" in _refused(weights=str(tmp_path / "file.safetensors"))
    torch.save([torch.zeros(1)], path)
    assert "holds a list, not a network's weights" in _refused(weights=str(path))
    torch.save({"fc.weight": torch.zeros(3, 3)}, path)
    assert "file.pth: weights of no architecture that spandrel" in _refused(weights=str(path))
    torch.save(DnCNN(in_nc=1, out_nc=1, nc=4).state_dict(), path)
    assert "file.pth: DnCNN makes 1 of 1 channels" in _refused(weights=str(path))
    assert "does not recognise SwinIR by these weights" in _refused(weights=str(path), architecture="SwinIR")
    torch.save({"body.0.weight": torch.zeros(8, 3, 3, 3), "body.1.weight": torch.zeros(8)}, path)
    assert "file.pth: not a Compact after all: " in _refused(weights=str(path))


def test_architectures_kept_apart_for_their_terms_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for spandrel_extra_arches: a registry with one architecture, of a class and network of its own."""
    package = types.ModuleType("spandrel_extra_arches")
    network = type("Restricted", (sys.modules[CompactArch.__module__].Compact,), {"__module__": package.__name__})

    def load_restricted(self: Any, weights: Any) -> Any:
        found = CompactArch.load(self, weights)
        found._model = network(**found.model.hyperparameters)
        return found

    kind = type("RestrictedArch", (CompactArch,), {"__module__": package.__name__, "load": load_restricted})
    restricted = kind()
    restricted._id = "Restricted"
    package.__all__ = ["Restricted"]  # type: ignore[attr-defined]  # a module takes any attribute
    package.Restricted = network  # type: ignore[attr-defined]  # as above
    support = type("Support", (), {"architecture": restricted, "detect": restricted.detect, "before": ()})()
    package.EXTRA_REGISTRY = [support]  # type: ignore[attr-defined]  # as above
    monkeypatch.setitem(sys.modules, package.__name__, package)
    for cached in (networks._networks, networks._registry):
        cached.cache_clear()
    try:
        with pytest.warns(
            UserWarning, match="Restricted is from spandrel_extra_arches, whose terms are non-commercial"
        ):
            assert not SpandrelGenerator("Restricted", arguments=COMPACT).commercial
        assert SpandrelGenerator("Compact", arguments=COMPACT).commercial
    finally:
        for cached in (networks._networks, networks._registry):
            cached.cache_clear()


def test_refuses_what_is_no_image() -> None:
    network = SpandrelGenerator("Compact", arguments=COMPACT)
    for wrong in (torch.rand(3, 8, 8), torch.rand(1, 1, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)):
        with pytest.raises(ImageError, match="spandrel takes"):
            network(wrong)


def test_spec_is_light() -> None:
    code = "import percept_spandrel, sys; percept_spandrel.percept_generators(); print({'torch', 'numpy', 'spandrel'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
    assert "third-party" in percept_generators()[0].licence
