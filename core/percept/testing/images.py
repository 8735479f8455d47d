"""The images that the suites show to components: small, deterministic, and made on the spot.

Every function returns image batches, (N, 3, H, W) float32 in [0, 1], unless it says otherwise.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def natural(count: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Images with the statistics of photographs: a power spectrum of 1/f² (Field, JOSA A 1987), and edges.

    The channels are correlated as those of photographs are. Images differ from each other, and with `seed`.
    """
    rng = torch.Generator().manual_seed(seed)
    shared = _pink(torch.randn(count, 1, height, width, generator=rng))
    own = _pink(torch.randn(count, 3, height, width, generator=rng))
    edges = _half_planes(count, height, width, rng)
    return (0.5 + 0.13 * shared + 0.05 * own + edges).clamp(0.02, 0.98)


def uniform_noise(count: int, height: int, width: int) -> Tensor:
    """Every value independent, uniform in [0, 1]."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(7))


def flat(value: float, count: int, height: int, width: int) -> Tensor:
    """One grey everywhere: 0 is black, 1 is white."""
    return torch.full((count, 3, height, width), float(value))


def saturated(count: int, height: int, width: int) -> Tensor:
    """Natural images driven until every channel is exactly 0 or 1."""
    return (natural(count, height, width, seed=3) > 0.5).float()


def one_pixel_changed(images: Tensor) -> Tensor:
    """The same images, but for the middle pixel, which is inverted."""
    row, column = (size // 2 for size in images.shape[-2:])
    changed = images.clone()
    changed[..., row, column] = 1 - images[..., row, column]
    return changed


def noisy(images: Tensor, strength: float, seed: int = 1, clamp: bool = True) -> Tensor:
    """With white Gaussian noise of standard deviation `strength`; without `clamp` the values may leave [0, 1]."""
    rng = torch.Generator().manual_seed(seed)
    noise = torch.randn(images.shape, generator=rng).to(images.dtype)
    spoilt = images + strength * noise
    return spoilt.clamp(0, 1) if clamp else spoilt


def blurred(images: Tensor) -> Tensor:
    """Averaged over 3×3 pixels, the border repeated."""
    return functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


def _pink(white: Tensor) -> Tensor:
    """White noise (N, C, H, W) → noise of amplitude spectrum 1/f, mean 0, standard deviation about 1 in each image."""
    height, width = white.shape[-2:]
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    frequency = (rows.square() + columns.square()).sqrt().clamp_min(1 / max(height, width))
    pink = torch.fft.irfft2(torch.fft.rfft2(white) / frequency, s=(height, width))
    standardised: Tensor = pink / pink.square().mean((-2, -1), keepdim=True).sqrt().clamp_min(1e-6)
    return standardised


def _half_planes(count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
    """Two straight edges in each image, (N, 3, H, W), each a step of colour between -0.2 and 0.2."""
    rows, columns = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)[None]
    steps = torch.zeros(count, 3, height, width)
    for _ in range(2):
        angle = torch.rand(count, 1, 1, generator=rng) * 2 * torch.pi
        offset = torch.rand(count, 1, 1, generator=rng) - 0.5
        beyond = (rows * angle.sin() + columns * angle.cos() > offset).float()
        steps += beyond[:, None] * (torch.rand(count, 3, 1, 1, generator=rng) - 0.5) * 0.4
    return steps
