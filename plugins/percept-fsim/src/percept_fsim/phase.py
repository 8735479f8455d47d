"""Phase congruency: Kovesi, Videre 1(3), 1999, as the authors of FSIM use it, with its gradient."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from percept_fsim.filters import Bank, adjoint_of, bank_of

EPSILON = 1e-4  # Kovesi's, added to the energy's divisor
TINY = 1e-6  # added to the sum of amplitudes, and to amplitudes that are divided by


def phase_congruency(plane: Tensor) -> Tensor:
    """(N, 1, H, W), grey levels 0–255 → (N, 1, H, W) in [0, 1], 0 where nothing rises above the noise.

    An image's noise is estimated from its own median energy. Differentiable once.
    """
    result: Tensor = _PhaseCongruency.apply(plane)
    return result


class _PhaseCongruency(torch.autograd.Function):
    """By hand: autograd would keep some thirty maps for each of the sixteen filters, where two are enough."""

    @staticmethod
    def forward(ctx: Any, planes: Tensor) -> Tensor:
        bank = bank_of(*planes.shape[-2:], planes.dtype, str(planes.device))
        keep = ctx.needs_input_grad[0]
        maps, kept = [], []
        for plane in planes[:, 0]:  # one by one: the maps of one image fill the cache
            responses = _responses(plane, bank)
            parts = _parts(responses, bank)
            maps.append(parts.congruency)
            kept += [responses, *parts] if keep else []
        ctx.save_for_backward(*kept)
        return torch.stack(maps)[:, None]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> Tensor:
        kept, step = ctx.saved_tensors, 1 + len(_Parts._fields)
        size = *slopes.shape[-2:], slopes.dtype, str(slopes.device)
        bank, conjugates = bank_of(*size), adjoint_of(*size)
        gradients = [
            _adjoint(_slopes(slope, kept[i * step], _Parts(*kept[i * step + 1 : (i + 1) * step]), bank), conjugates)
            for i, slope in enumerate(slopes[:, 0])
        ]
        return torch.stack(gradients)[:, None]


class _Parts(NamedTuple):
    """What follows from the responses, by orientation (4, H, W) but for the last two.

    even, odd   sums of the responses over the scales
    norm        their length
    energy      before the noise threshold
    amplitude   (H, W): sum of the responses' lengths over scales and orientations
    threshold   (4,): energy of noise
    middle      (4, 2): the two pixels of middle length at the smallest scale
    congruency  (H, W): the result
    """

    even: Tensor
    odd: Tensor
    norm: Tensor
    energy: Tensor
    amplitude: Tensor
    threshold: Tensor
    middle: Tensor
    congruency: Tensor


def _responses(plane: Tensor, bank: Bank) -> Tensor:
    """(H, W) → (4, 2, 4, H, W): orientation, even or odd, scale."""
    spectrum = torch.fft.rfft2(plane - plane.mean()).mT.contiguous()  # no filter passes the mean, but its rounding
    columns = torch.fft.ifft(spectrum * bank.forward, norm="forward")
    responses: Tensor = torch.fft.irfft(columns.mT.contiguous(), n=plane.shape[-1], norm="forward")
    return responses


def _parts(responses: Tensor, bank: Bank) -> _Parts:
    evens, odds = responses.unbind(1)
    squares = _squares(evens, odds)
    smallest = squares[:, 0].flatten(1)
    middle = torch.stack([_middle(values) for values in smallest])
    threshold = smallest.gather(1, middle).mean(1).sqrt() * bank.threshold
    amplitude = squares.sqrt_().sum((0, 1))
    even, odd = evens.sum(1), odds.sum(1)
    norm = _squares(even, odd).sqrt_()
    crossed = _cross(evens, odds, even, odd).abs_().sum(1)
    energy = norm.square().sub_(crossed).div_(norm + EPSILON)
    congruency = (energy - threshold[:, None, None]).clamp_min_(0).sum(0).div_(amplitude + TINY)
    return _Parts(even, odd, norm, energy, amplitude, threshold, middle, congruency)


def _slopes(slope: Tensor, responses: Tensor, parts: _Parts, bank: Bank) -> Tensor:
    """Slope (H, W) by the result → that by the responses, of their shape."""
    evens, odds = responses.unbind(1)
    even, odd, norm, energy, amplitude, threshold, middle, congruency = parts
    slope = slope / (amplitude + TINY)
    by_energy = slope * energy.clone().gt_(threshold[:, None, None])  # a Boolean mask would be slow
    by_crossed = by_energy / (norm + EPSILON)
    signs = _cross(evens, odds, even, odd).sign_()
    along = by_crossed * (2 * norm - energy) / (norm + TINY)
    by_even = torch.addcmul(along * even, by_crossed, (signs * odds).sum(1))
    by_odd = torch.addcmul(along * odd, by_crossed, (signs * evens).sum(1), value=-1)
    by_length = (-slope * congruency) / _squares(evens, odds).sqrt_().add_(TINY)
    result = by_length[:, None] * responses
    result[:, 0].addcmul_(signs, (by_crossed * odd)[:, None], value=-1).add_(by_even[:, None])
    result[:, 1].addcmul_(signs, (by_crossed * even)[:, None]).add_(by_odd[:, None])
    # The threshold is a multiple of the root of the mean of the squared lengths of the two middle pixels.
    by_squares = by_energy.sum((1, 2)) * bank.threshold.square() / (4 * threshold + TINY)
    pixels = middle[:, None].expand(-1, 2, -1)
    smallest = responses[:, :, 0].flatten(2)
    result[:, :, 0].flatten(2).scatter_add_(2, pixels, -2 * by_squares[:, None, None] * smallest.gather(2, pixels))
    return result


def _adjoint(slopes: Tensor, conjugates: Tensor) -> Tensor:
    """Slope by the responses → slope by the plane (H, W)."""
    spectra = torch.fft.rfft2(slopes.flatten(0, 2))
    gathered = (spectra * conjugates).sum(0)
    slope: Tensor = torch.fft.irfft2(gathered, s=slopes.shape[-2:], norm="forward")
    return slope


def _squares(even: Tensor, odd: Tensor) -> Tensor:
    squares: Tensor = even.square().addcmul_(odd, odd)
    return squares


def _cross(evens: Tensor, odds: Tensor, even: Tensor, odd: Tensor) -> Tensor:
    """Each scale's response across that of all scales, (4, 4, H, W)."""
    across: Tensor = (evens * odd[:, None]).addcmul_(odds, even[:, None], value=-1)
    return across


def _middle(values: Tensor) -> Tensor:
    """(n,) ≥ 0 → (2,): where the values are whose mean is the median; for odd n the same place twice.

    Only values that share the middle's exponent and leading digits, which are found by counting, are sorted.
    """
    integers, shift = (torch.int32, 16) if values.dtype == torch.float32 else (torch.int64, 48)
    leading = (values.view(integers) >> shift) & 0x7FFF  # the mask clears the sign that a NaN may have
    counts = leading.bincount().cumsum(0)
    ranks = torch.tensor([(values.numel() - 1) // 2, values.numel() // 2], device=values.device)
    low, high = torch.searchsorted(counts, ranks, right=True).tolist()
    near = ((leading >= low) & (leading <= high)).nonzero()[:, 0]
    order = values[near].argsort()
    below = counts[low - 1] if low else 0
    middle: Tensor = near[order[ranks - below]]
    return middle
