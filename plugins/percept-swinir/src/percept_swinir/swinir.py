"""SwinIR (Liang et al., ICCV Workshops 2021, arXiv:2108.10257), with the names of the published checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from percept.contracts import check_images
from percept.errors import ComponentError
from torch import Tensor, nn
from torch.nn import functional

from percept_swinir.windows import Block, shift_mask

Upsampler = Literal["pixelshuffle", "pixelshuffledirect", "nearest+conv", "none"]

# RGB mean of DIV2K's training images, which the published networks subtract from the input and add to the output.
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
SCALES: dict[str, tuple[int, ...]] = {
    "pixelshuffle": (2, 3, 4, 8),
    "pixelshuffledirect": (2, 3, 4),
    "nearest+conv": (2, 4),
    "none": (1,),
}

# Width of the reconstruction, whatever that of the body is.
WIDTH = 64
_STAGES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
# Buffers of published files that follow from the sizes alone.
_COMPUTED = (".attn_mask", ".relative_position_index")


class SwinIR(nn.Module):
    """Convolutions around groups of shifted-window blocks: (N, 3, h, w) in [0, 1] → (N, 3, h·scale, w·scale).

    channels   width of the body: 180, or 60 in the light network
    depths     blocks in each group: (6, 6, 6, 6, 6, 6), or (6, 6, 6, 6)
    heads      attention heads of each block
    window     pixels a side of a window; every other block shifts its windows by half of that
    mlp_ratio  hidden width of the perceptrons, in widths of the body
    scale      what the upsampler offers, see there
    upsampler  `pixelshuffle`: convolutions and sub-pixel upsampling, ×2 ×3 ×4 ×8 (classical SR);
               `pixelshuffledirect`: one convolution and sub-pixel upsampling, ×2 ×3 ×4 (light);
               `nearest+conv`: nearest neighbours and convolutions, ×2 ×4 (real-world SR);
               `none`: same size, the network's output is added to its input (denoising), ×1
    drop_path  chance of the last block's branches to be left out in training, less for earlier ones (0.1 in the paper)

    Any h, w ≥ 1: inside, images are reflected at their right and lower edges up to a multiple of `window`. Not clamped.
    Raises ComponentError for a scale that the upsampler does not offer and for sizes that make no network; calling it
    raises ImageError for anything but (N, 3, h, w).
    """

    mean: Tensor

    def __init__(
        self,
        channels: int = 180,
        depths: Sequence[int] = (6, 6, 6, 6, 6, 6),
        heads: int = 6,
        window: int = 8,
        mlp_ratio: float = 2.0,
        scale: int = 2,
        upsampler: Upsampler = "pixelshuffle",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        _check(channels, depths, heads, window, mlp_ratio, drop_path)
        _check_scale(scale, upsampler)
        self.scale, self.window, self.upsampler = scale, window, upsampler
        self.register_buffer("mean", torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1), persistent=False)
        blocks = sum(depths)
        rates = (drop_path * block / max(1, blocks - 1) for block in range(blocks))
        self.conv_first = _conv(3, channels)
        self.patch_embed = nn.ModuleDict({"norm": nn.LayerNorm(channels)})
        self.layers = nn.ModuleList(
            Group(channels, [next(rates) for _ in range(depth)], heads, window, mlp_ratio) for depth in depths
        )
        self.norm = nn.LayerNorm(channels)
        self.conv_after_body = _conv(channels, channels)
        head = _head(upsampler, channels, scale)
        self.head = tuple(head)
        for name, layer in head.items():
            self.add_module(name, layer)
        self.apply(_initialise)

    def forward(self, degraded: Tensor) -> Tensor:
        check_images(degraded, "swinir")
        height, width = degraded.shape[-2:]
        image = _padded(degraded, self.window) - self.mean
        shallow = self.conv_first(image)
        output = shallow + self.conv_after_body(self._deep(shallow))
        for name in self.head:
            output = self.get_submodule(name)(output)
        if self.upsampler == "none":
            output = output + image
        restored: Tensor = output + self.mean
        return restored[..., : height * self.scale, : width * self.scale]

    def translate(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """A published checkpoint without the attention masks and indices, which are computed here."""
        return {name: value for name, value in weights.items() if not name.endswith(_COMPUTED)}

    def _deep(self, features: Tensor) -> Tensor:
        """(N, channels, H, W) → the same; inside, channels come last."""
        height, width = features.shape[-2:]
        mask = shift_mask(height, width, self.window, features.device)
        tokens = self.patch_embed["norm"](features.permute(0, 2, 3, 1))
        for group in self.layers:
            tokens = group(tokens, mask)
        normed: Tensor = self.norm(tokens)
        return normed.permute(0, 3, 1, 2)


class Group(nn.Module):
    """Blocks, shifted every other time, then a convolution, beside a skip (SwinIR, Eq. 5): (N, H, W, channels)."""

    def __init__(self, channels: int, rates: Sequence[float], heads: int, window: int, mlp_ratio: float) -> None:
        super().__init__()
        shifts = (0, window // 2)
        blocks = (Block(channels, heads, window, shifts[i % 2], mlp_ratio, rate) for i, rate in enumerate(rates))
        self.residual_group = nn.ModuleDict({"blocks": nn.ModuleList(blocks)})
        self.conv = _conv(channels, channels)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        deeper = tokens
        for block in self.residual_group["blocks"]:  # type: ignore[attr-defined]  # a ModuleList, which torch types as Module
            deeper = block(deeper, mask)
        convolved: Tensor = self.conv(deeper.permute(0, 3, 1, 2))
        return tokens + convolved.permute(0, 2, 3, 1)


class _Convolved(nn.Conv2d):
    """3×3 convolution and LeakyReLU of slope 0.2, on an image that nearest neighbours enlarge by `factor` first."""

    def __init__(self, channels: int, factor: int = 1) -> None:
        super().__init__(channels, channels, kernel_size=3, padding=1)
        self.factor = factor

    def forward(self, features: Tensor) -> Tensor:
        if self.factor > 1:
            features = functional.interpolate(features, scale_factor=self.factor, mode="nearest")
        return functional.leaky_relu(super().forward(features), 0.2)


def _head(upsampler: Upsampler, channels: int, scale: int) -> dict[str, nn.Module]:
    """The layers that follow the body, by their published names, in the order of their use."""
    if upsampler == "none":
        return {"conv_last": _conv(channels, 3)}
    if upsampler == "pixelshuffledirect":
        return {"upsample": nn.Sequential(_conv(channels, 3 * scale**2), nn.PixelShuffle(scale))}
    if upsampler == "pixelshuffle":
        factors = _STAGES[scale]
        steps = [step for factor in factors for step in (_conv(WIDTH, WIDTH * factor**2), nn.PixelShuffle(factor))]
        between: dict[str, nn.Module] = {"upsample": nn.Sequential(*steps)}
    else:
        between = {f"conv_up{i}": _Convolved(WIDTH, 2) for i, _ in enumerate(_STAGES[scale], 1)}
        between["conv_hr"] = _Convolved(WIDTH)
    before = nn.Sequential(_conv(channels, WIDTH), nn.LeakyReLU(inplace=True))
    return {"conv_before_upsample": before, **between, "conv_last": _conv(WIDTH, 3)}


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Linear):
        nn.init.trunc_normal_(layer.weight, std=0.02)
        nn.init.zeros_(layer.bias)


def _padded(images: Tensor, window: int) -> Tensor:
    """Reflected at the right and lower edges; the last pixel repeated where the image is too small for that."""
    height, width = images.shape[-2:]
    down, right = -height % window, -width % window
    mirrored = (0, min(right, width - 1), 0, min(down, height - 1))
    repeated = (0, right - mirrored[1], 0, down - mirrored[3])
    for mode, padding in (("reflect", mirrored), ("replicate", repeated)):
        if any(padding):
            images = functional.pad(images, padding, mode=mode)
    return images


def _check(channels: int, depths: Sequence[int], heads: int, window: int, mlp_ratio: float, drop_path: float) -> None:
    if not depths or min(depths) < 1:
        raise ComponentError(f"swinir: depths are numbers of blocks of at least 1, one a group, not {list(depths)}")
    if heads < 1 or channels < 1 or channels % heads:
        raise ComponentError(f"swinir: channels are a multiple of heads, not {channels} and {heads}")
    if window < 2 or int(channels * mlp_ratio) < 1:
        raise ComponentError(f"swinir: window is at least 2 and mlp_ratio positive, not {window} and {mlp_ratio:g}")
    if not 0 <= drop_path < 1:
        raise ComponentError(f"swinir: drop_path is a chance from 0 to below 1, not {drop_path:g}")


def _check_scale(scale: int, upsampler: Upsampler) -> None:
    if upsampler not in SCALES:
        raise ComponentError(f"swinir: upsampler '{upsampler}' is not offered; use {', '.join(SCALES)}")
    if scale not in SCALES[upsampler]:
        others = " or ".join(name for name, offered in SCALES.items() if scale in offered) or "another scale"
        offers = ", ".join(map(str, SCALES[upsampler]))
        raise ComponentError(f"swinir: upsampler '{upsampler}' offers scale {offers}, not {scale}; use {others}")
