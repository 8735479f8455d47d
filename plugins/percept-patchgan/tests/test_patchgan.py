from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError
from percept_patchgan import percept_discriminators
from percept_patchgan.patch import Norm, PatchDiscriminator
from torch import Tensor, nn
from torch.nn import functional

NORMS = get_args(Norm)


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    image = skimage.data.chelsea()  # type: ignore[no-untyped-call]  # scikit-image is not annotated
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize(("layers", "seen"), [(1, 16), (2, 34), (3, 70)])
@pytest.mark.parametrize("norm", ["spectral", "none"])
def test_receptive_field(layers: int, seen: int, norm: Norm) -> None:
    network = PatchDiscriminator(4, layers, norm).double().eval()
    images = torch.rand(1, 3, 160, 160, dtype=torch.float64, requires_grad=True)
    logits = network(images)
    (gradient,) = torch.autograd.grad(logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2], images)
    touched = gradient[0].abs().sum(0) > 0
    rows, columns = touched.any(1).nonzero(), touched.any(0).nonzero()
    assert [int(found.max() - found.min()) + 1 for found in (rows, columns)] == [seen, seen]


def test_as_large_as_the_70_pixel_network_of_the_paper() -> None:
    # C64-C128-C256-C512 and the logit, 4×4 each; batch normalisation has no biases but as many shifts, and scales.
    weights = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)
    biases = 64 + 128 + 256 + 512 + 1
    counts = {norm: sum(p.numel() for p in PatchDiscriminator(norm=norm).parameters()) for norm in NORMS}
    assert counts["none"] == counts["spectral"] == counts["instance"] == weights + biases == 2_764_737
    assert counts["batch"] == weights + biases + 128 + 256 + 512


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layers", [1, 3, 4])
def test_least_size_gives_one_logit_and_one_less_is_refused(layers: int, norm: Norm) -> None:
    network = PatchDiscriminator(4, layers, norm)
    least = 3 * 2**layers
    assert network(torch.rand(1, 3, least, least)).shape == (1, 1, 1, 1)
    for size in ((least - 1, least), (least, least - 1)):
        with pytest.raises(ImageError, match=f"patch needs at least {least}×{least} pixels"):
            network(torch.rand(1, 3, *size))


def test_spec_says_the_least_size() -> None:
    (spec,) = percept_discriminators()
    assert spec.min_size == PatchDiscriminator(4).min_size == 24


def test_one_logit_for_every_eight_pixels(photograph: Tensor) -> None:
    network = PatchDiscriminator(8)
    height, width = photograph.shape[-2:]
    assert network(photograph).shape == (1, 1, height // 8 - 2, width // 8 - 2)


@pytest.mark.parametrize("norm", NORMS)
def test_backbone_and_head_are_the_network(norm: Norm, photograph: Tensor) -> None:
    network = PatchDiscriminator(8, norm=norm).eval()
    features = network.backbone(photograph)
    assert features.shape[1] == 64
    assert torch.equal(network.head(features), network(photograph))


def test_spectral_norm_holds_every_convolution_at_one() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(8).train()
    for _ in range(30):
        network(torch.rand(1, 3, 24, 24))
    network.eval()
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 5
    for convolution in convolutions:
        assert torch.linalg.matrix_norm(convolution.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("norm", ["spectral", "instance", "none"])
def test_no_logit_depends_on_its_batch_mates(norm: Norm, photograph: Tensor) -> None:
    network = PatchDiscriminator(8, norm=norm).eval()
    batch = torch.cat([photograph[..., :64, :64], torch.zeros(1, 3, 64, 64)])
    assert torch.allclose(network(batch)[:1], network(batch[:1]), atol=1e-6)


def test_learns_to_tell_a_photograph_from_its_blurred_self(photograph: Tensor) -> None:
    torch.manual_seed(0)
    real = photograph[..., 50:178, 100:228]
    fake = functional.avg_pool2d(real, 5, 1, 2, count_include_pad=False)
    network = PatchDiscriminator(16)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(60):
        on_real, on_fake = network(torch.cat([real, fake]))
        loss = (functional.softplus(-on_real) + functional.softplus(on_fake)).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
        optimizer.step()
    on_real, on_fake = network.eval()(torch.cat([real, fake]))
    assert on_real.mean() > 0 > on_fake.mean()


def test_refuses_what_it_cannot_take() -> None:
    with pytest.raises(ComponentError, match="at least 1, not 64 and 0"):
        PatchDiscriminator(layers=0)
    with pytest.raises(ImageError, match=r"patch takes \(N, 3, H, W\)"):
        PatchDiscriminator(4)(torch.rand(1, 1, 32, 32))


def test_spec_is_light() -> None:
    code = "import percept_patchgan, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
