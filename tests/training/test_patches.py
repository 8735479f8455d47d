from __future__ import annotations

import pytest
import torch
from percept.errors import DataError
from percept.training.degrade import Chain
from percept.training.patches import PatchSampler
from torch import nn

from tests.training.parts import Halve, Noise, Photos


def test_patches_are_aligned_and_of_equal_seed_equal() -> None:
    chain = Chain([Halve()], stochastic=False)
    one = PatchSampler(Photos((20, 30), (33, 17)), chain, 8, 5, True, seed=1)
    two = PatchSampler(Photos((20, 30), (33, 17)), chain, 8, 5, True, seed=1)
    for _ in range(5):
        degraded, target, *_ = one.next()
        assert degraded.shape == (5, 3, 4, 4)
        assert torch.allclose(degraded, nn.functional.avg_pool2d(target, 2), atol=1e-6)
        again = two.next()
        assert torch.equal(degraded, again.degraded)
        assert torch.equal(target, again.target)


def test_stochastic_degradation_is_drawn_afresh() -> None:
    sampler = PatchSampler(Photos((8, 8)), Chain([Noise()], stochastic=True), 8, 1, False, seed=1)
    first, second = sampler.next(), sampler.next()
    assert torch.equal(first.target, second.target)
    assert not torch.equal(first.degraded, second.degraded)


def test_image_smaller_than_the_patch_is_named() -> None:
    with pytest.raises(DataError, match=r"^p1: 12×40 pixels, smaller than optimize.patch 16; lower it or leave"):
        PatchSampler(Photos((20, 30), (40, 13)), Chain([Halve()], False), 16, 4, True, seed=0)


def seen(augment: bool, size: tuple[int, int], patch: int) -> set[bytes]:
    """Every patch that a sampler draws of one picture, in many draws."""
    sampler = PatchSampler(Photos(size), Chain([Halve()], False), patch, 64, augment, seed=1)
    return {image.numpy().tobytes() for _ in range(20) for image in sampler.next().target}


def test_every_flip_and_turn_is_drawn_if_asked() -> None:
    image = Photos((8, 8)).images[0]
    turned = [torch.rot90(image, k, (1, 2)) for k in range(4)]
    every = {one.contiguous().numpy().tobytes() for t in turned for one in (t, t.flip(-1))}
    assert seen(True, (8, 8), 8) == every
    assert seen(False, (8, 8), 8) == {image.numpy().tobytes()}


def test_every_place_is_drawn_to_the_last_row_and_column() -> None:
    assert len(seen(False, (12, 14), 8)) == 3 * 4
