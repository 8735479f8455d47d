from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import skimage.data
import torch
from hypothesis import given
from hypothesis import strategies as st
from percept.errors import ComponentError, ImageError
from percept_pixel.losses import L1, L2, Charbonnier
from torch import Tensor, nn

PHOTOS: Any = skimage.data  # it has no types
LOSSES = [L1(), L2(), Charbonnier()]


def photos() -> tuple[Tensor, Tensor]:
    images = (torch.from_numpy(getattr(PHOTOS, name)()[:300, :400]) for name in ("chelsea", "coffee"))
    first, second = (image.permute(2, 0, 1)[None].double() / 255 for image in images)
    return first, second


def test_the_plugin_module_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, percept_pixel; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_values_on_photographs() -> None:
    x, y = photos()
    d = (x - y).numpy()
    assert L1()(x, y).item() == pytest.approx(abs(d).mean(), rel=1e-12)
    assert L2()(x, y).item() == pytest.approx((d**2).mean(), rel=1e-12)
    assert Charbonnier(0.1)(x, y).item() == pytest.approx(((d**2 + 0.01) ** 0.5).mean(), rel=1e-12)


def test_charbonnier_lies_between_l1_and_l1_plus_eps() -> None:
    x, y = photos()
    assert L1()(x, y) < Charbonnier(1e-3)(x, y) < L1()(x, y) + 1e-3


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_one_target_serves_a_batch_image_by_image(loss: nn.Module) -> None:
    target, other = photos()
    outputs = torch.cat([target, other, (target + other) / 2])
    values = loss(outputs, target)
    assert values.shape == (3,)
    torch.testing.assert_close(values, torch.cat([loss(output[None], target) for output in outputs]))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_the_gradient_vanishes_at_the_target(loss: nn.Module) -> None:
    target, _ = photos()
    output = target.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(output, target).sum(), output)
    assert gradient.abs().max() == 0


@given(st.floats(-2, 3), st.floats(0, 1), st.floats(1e-4, 1))
def test_flat_images_give_the_formula_itself(output: float, target: float, eps: float) -> None:
    x, y = (torch.full((1, 3, 4, 5), value, dtype=torch.float64) for value in (output, target))
    d = output - target
    assert L1()(x, y).item() == pytest.approx(abs(d), abs=1e-12)
    assert L2()(x, y).item() == pytest.approx(d**2, abs=1e-12)
    assert Charbonnier(eps)(x, y).item() == pytest.approx((d**2 + eps**2) ** 0.5, abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_shapes_must_agree(loss: nn.Module) -> None:
    x, y = photos()
    with pytest.raises(ImageError, match="shapes differ"):
        loss(x, y[..., 1:])


def test_a_charbonnier_without_eps_is_refused() -> None:
    with pytest.raises(ComponentError, match="not positive"):
        Charbonnier(0.0)
