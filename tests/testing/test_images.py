from __future__ import annotations

import pytest
import skimage.data
import torch
from percept.testing import images


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 12), (48, 61)])
def test_natural_images_are_batches_in_range(height: int, width: int) -> None:
    batch = images.natural(3, height, width)
    assert batch.shape == (3, 3, height, width)
    assert batch.dtype == torch.float32
    assert 0 < batch.min() <= batch.max() < 1


def test_natural_images_are_the_same_every_time_and_leave_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    assert torch.equal(images.natural(2, 20, 24), images.natural(2, 20, 24))
    assert not torch.equal(images.natural(1, 20, 24), images.natural(1, 20, 24, seed=1))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_their_spectrum_falls_as_that_of_photographs_does() -> None:
    chelsea = skimage.data.chelsea()
    photograph = torch.from_numpy(chelsea[:256, :256]).permute(2, 0, 1)[None] / 255
    ours, theirs = spectral_slope(images.natural(8, 256, 256)), spectral_slope(photograph)
    assert -3.5 < theirs < -1.5
    assert -2.5 < ours < -1.5
    assert spectral_slope(images.uniform_noise(1, 256, 256)) > -0.3


def test_one_pixel_changed_changes_one_pixel() -> None:
    batch = images.natural(2, 9, 12)
    changed = (images.one_pixel_changed(batch) != batch).any(dim=1).sum((1, 2))
    assert changed.tolist() == [1, 1]


def test_saturated_images_hold_both_extremes_and_nothing_else() -> None:
    assert set(images.saturated(2, 16, 16).flatten().tolist()) == {0, 1}


def test_unclamped_noise_leaves_the_range() -> None:
    batch = images.noisy(images.natural(1, 32, 32), 0.5, clamp=False)
    assert batch.min() < 0 < 1 < batch.max()


def spectral_slope(batch: torch.Tensor) -> float:
    """Slope of log power over log frequency, over a decade."""
    size = batch.shape[-1]
    grey = batch.mean(1)
    window = torch.hann_window(size)
    power = torch.fft.fft2((grey - grey.mean((-2, -1), keepdim=True)) * window[:, None] * window).abs().square().mean(0)
    axis = torch.fft.fftfreq(size)
    frequency = (axis[:, None].square() + axis.square()).sqrt()
    chosen = (frequency > 0.03) & (frequency < 0.3)
    x, y = frequency[chosen].log(), power[chosen].log()
    x = x - x.mean()
    return float((x * y).sum() / x.square().sum())
