"""Self-attention inside windows, every other time shifted by half a window: the layers that SwinIR is made of."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """Attention, then a perceptron, each after a layer normalisation and beside a skip (SwinIR, Eq. 8).

    (N, H, W, channels) → the same; H and W are multiples of `window`. `shift`: pixels that the windows are displaced
    by. `drop_path`: chance that a branch is left out of an image, in training only (arXiv:1603.09382).
    """

    def __init__(self, channels: int, heads: int, window: int, shift: int, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        hidden = int(channels * mlp_ratio)
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, heads, window, shift)
        self.norm2 = nn.LayerNorm(channels)
        layers = {"fc1": nn.Linear(channels, hidden), "act": nn.GELU(), "fc2": nn.Linear(hidden, channels)}
        self.mlp = nn.Sequential(OrderedDict(layers))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        tokens = tokens + self._sometimes(self.attn(self.norm1(tokens), mask))
        return tokens + self._sometimes(self.mlp(self.norm2(tokens)))

    def _sometimes(self, branch: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return branch
        kept = 1 - self.drop_path
        return branch * (branch.new_empty(len(branch), 1, 1, 1).bernoulli_(kept) / kept)


class WindowAttention(nn.Module):
    """Multi-head self-attention in windows, with a learnt bias for each head and displacement (SwinIR, Eq. 7).

    (N, H, W, channels) → the same. `mask`: what `shift_mask` gives for H and W; unused where `shift` is 0.
    """

    relative_position_index: Tensor

    def __init__(self, channels: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", _displacements(window), persistent=False)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        height, width = tokens.shape[1:3]
        bias = self.relative_position_bias_table[self.relative_position_index].movedim(-1, 0)[None]
        if self.shift:
            tokens = tokens.roll((-self.shift, -self.shift), (1, 2))
            bias = bias + mask
        windows = split(tokens, self.window)
        number, count, pixels, channels = windows.shape
        qkv = self.qkv(windows).view(number, count, pixels, 3, self.heads, channels // self.heads)
        query, key, value = qkv.permute(3, 0, 1, 4, 2, 5)
        attended = _attend(query, key, value, bias).transpose(2, 3).flatten(3)
        result = join(self.proj(attended), height, width)
        return result.roll((self.shift, self.shift), (1, 2)) if self.shift else result


def split(images: Tensor, window: int) -> Tensor:
    """(N, H, W, channels) → (N, windows, pixels of a window, channels), both row by row."""
    number, height, width, channels = images.shape
    tiles = images.reshape(number, height // window, window, width // window, window, channels)
    return tiles.transpose(2, 3).reshape(number, -1, window**2, channels)


def join(windows: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `split`."""
    number, _, pixels, channels = windows.shape
    window = math.isqrt(pixels)
    tiles = windows.view(number, height // window, width // window, window, window, channels)
    return tiles.transpose(2, 3).reshape(number, height, width, channels)


def shift_mask(height: int, width: int, window: int, device: torch.device) -> Tensor:
    """(windows, 1, pixels, pixels): -inf between pixels that only the shift brings together in a window, else 0."""
    rows, columns = (_regions(size, window, device) for size in (height, width))
    regions = split((3 * rows[:, None] + columns)[None, ..., None], window)[0, ..., 0]
    apart = regions[:, None, :] != regions[:, :, None]
    return torch.zeros(apart.shape, device=device).masked_fill(apart, -torch.inf)[:, None]


def _regions(size: int, window: int, device: torch.device) -> Tensor:
    """After the shift: 0 where a window holds neighbours, 1 and 2 on either side of the seam in the last one."""
    place = torch.arange(size, device=device)
    return (place >= size - window).long() + (place >= size - window // 2).long()


def _displacements(window: int) -> Tensor:
    """(pixels, pixels): the row of the bias table for each two pixels of a window."""
    place = torch.arange(window)
    apart = place[:, None] - place + window - 1
    rows, columns = apart[:, None, :, None], apart[None, :, None, :]
    return (rows * (2 * window - 1) + columns).flatten(2).flatten(0, 1)


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """(N, windows, heads, pixels, depth) three times, and a bias (windows or 1, heads, pixels, pixels)."""
    # Where the bias is learnt, torch falls back from its fused kernel on CPUs to one that is slower than these lines.
    if torch.is_grad_enabled():
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + bias
        return torch.matmul(scores.softmax(-1), value)
    number, windows = query.shape[:2]
    biases = bias.expand(number, windows, -1, -1, -1).flatten(0, 1)
    query, key, value = (part.flatten(0, 1) for part in (query, key, value))
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=biases)
    return attended.view(number, windows, *attended.shape[1:])
