from __future__ import annotations

import subprocess
import sys

import pytest
import skimage.data
import torch
from percept.contracts import ImageError
from percept.errors import ComponentError
from percept_rlfn import percept_generators
from percept_rlfn.rlfn import RLFN, SpatialAttention
from torch import Tensor, nn
from torch.nn import functional


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    photograph = skimage.data.coffee()
    return torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("channels", "inner", "modules", "scale", "parameters"),
    # The paper prints 317 K for the challenge's, 527 K and 543 K for RLFN, 454 K and 470 K for RLFN-S.
    [
        (46, 48, 4, 4, 317_218),
        (52, 52, 6, 2, 526_856),
        (52, 52, 6, 4, 543_740),
        (48, 48, 6, 2, 454_620),
        (48, 48, 6, 4, 470_208),
    ],
)
def test_as_large_as_in_the_paper(channels: int, inner: int, modules: int, scale: int, parameters: int) -> None:
    with torch.device("meta"):
        assert _parameters(RLFN(channels, inner, modules, scale=scale)) == parameters


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 12), (14, 40), (33, 16)])
def test_any_size_is_magnified(scale: int, size: tuple[int, int]) -> None:
    network = RLFN(8, 10, modules=2, attention=4, scale=scale)
    assert network(torch.rand(2, 3, *size)).shape == (2, 3, size[0] * scale, size[1] * scale)


def test_attention_needs_fifteen_pixels() -> None:
    attention = SpatialAttention(16, 4)
    assert attention(torch.rand(1, 16, 15, 15)).shape == (1, 16, 15, 15)
    with pytest.raises(RuntimeError):
        attention(torch.rand(1, 16, 14, 15))


def test_a_small_image_is_continued_by_its_last_pixels(coffee: Tensor) -> None:
    network = RLFN(16, modules=1, scale=2)
    degraded = coffee[..., 100:109, 200:220]
    continued = functional.pad(degraded, (0, 0, 0, 6), mode="replicate")
    with torch.no_grad():
        assert torch.equal(network(degraded), network(continued)[..., :18, :])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_skip_starts_at_bicubic_interpolation(scale: int, coffee: Tensor) -> None:
    degraded = coffee[..., :31, :45]
    expected = functional.interpolate(degraded, scale_factor=scale, mode="bicubic", align_corners=False)
    with torch.no_grad():
        assert torch.equal(RLFN(16, modules=1, scale=scale, skip="bicubic")(degraded), expected)


def test_training_on_a_photograph_lowers_the_loss(coffee: Tensor) -> None:
    torch.manual_seed(0)
    target = coffee[..., 100:196, 200:296].contiguous()
    degraded = functional.interpolate(target, scale_factor=0.5, mode="bicubic", antialias=True)
    network = RLFN(16, 16, modules=2, scale=2)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(40):
        loss = (network(degraded) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_refuses_what_it_cannot_take() -> None:
    with pytest.raises(ComponentError, match="scale 5 is not offered; use 2, 3 or 4"):
        RLFN(scale=5)
    for name in ("channels", "inner", "modules", "attention"):
        with pytest.raises(ComponentError, match=f"{name} is at least 1, not 0"):
            RLFN(**{name: 0})
    with pytest.raises(ImageError, match=r"rlfn takes \(N, 3, H, W\)"):
        RLFN(8, modules=1)(torch.rand(3, 8, 8))


def test_spec_offers_every_scale() -> None:
    (spec,) = percept_generators()
    assert spec.scales == (2, 3, 4)
    for scale in spec.scales:
        assert RLFN(16, scale=scale).scale == scale


def test_spec_is_light() -> None:
    code = "import percept_rlfn, sys; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
