from __future__ import annotations

import pytest
import torch
from percept.errors import ImageError
from percept_pixels.pixels import Pixels


def inputs(count: int = 3, side: int = 8) -> torch.Tensor:
    return torch.rand(count, 3, side, side + 1, generator=torch.Generator().manual_seed(0)) * 1.4 - 0.2


def test_images_start_as_their_inputs_clamped() -> None:
    pixels = Pixels()
    pixels.adopt(inputs())
    torch.testing.assert_close(pixels(inputs()), inputs().clamp(0, 1))


def test_an_input_alone_or_in_another_order_gives_its_own_image() -> None:
    pixels = Pixels()
    pixels.adopt(inputs())
    with torch.no_grad():
        pixels.images += torch.arange(3.0).view(3, 1, 1, 1) / 10
    together = pixels(inputs())
    torch.testing.assert_close(pixels(inputs()[[2, 0]]), together[[2, 0]])
    torch.testing.assert_close(pixels(inputs()[1:2]), together[1:2])


def test_descent_moves_the_images_to_the_target_and_no_further_than_the_range() -> None:
    pixels, target = Pixels(), torch.ones(3, 3, 8, 9)
    pixels.adopt(inputs())
    optimizer = torch.optim.Adam(pixels.parameters(), lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        (pixels(inputs()) - 1.3 * target).square().mean().backward()
        optimizer.step()
    torch.testing.assert_close(pixels(inputs()), target)


def test_weights_hold_images_and_inputs() -> None:
    first, second = Pixels(), Pixels()
    first.adopt(inputs())
    with torch.no_grad():
        first.images.mul_(0.5)
    weights = first.state_dict()
    second.adopt(weights["inputs"])
    second.load_state_dict(weights)
    torch.testing.assert_close(second(inputs()), first(inputs()))


def test_an_input_that_it_has_not_adopted_is_refused_in_one_line() -> None:
    pixels = Pixels()
    with pytest.raises(ImageError, match="not optimised on"):
        pixels(inputs())
    pixels.adopt(inputs())
    with pytest.raises(ImageError, match="9×8"):
        pixels(inputs() + 1e-3)
