"""Discriminators on any backbone of timm (Wightman, PyTorch Image Models, doi:10.5281/zenodo.4414861)."""

from __future__ import annotations

from typing import Literal

from percept.contracts import check_images
from percept.errors import ImageError
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as divide_by_largest

from percept_timm.backbone import Backbone
from percept_timm.checkpoint import Checkpoint
from percept_timm.network import create, stage_of, truncate
from percept_timm.probe import probe

Head = Literal["vanilla", "patch"]


class TimmDiscriminator(nn.Module):
    """Images (N, 3, H, W) in [0, 1] → logits: (N, 1, 1, 1) of the vanilla head, (N, 1, h, w) of the patch head.

    head           `vanilla`: a linear layer on features averaged over the image; `patch`: the same on each position
    backbone       any name that timm knows, with a tag or without: `resnet50`, `vgg16`, `vit_small_patch14_dinov2`
    weights        `none`: random; `timm`: those that timm downloads or has in its cache; else the path of a
                   .safetensors or .pth file under timm's names, or under those that timm itself converts
    spectral_norm  divide every convolution and linear layer by its largest singular value (arXiv:1802.05957), but for
                   one that starts at zero
    features       index of the stage whose features the head sees, negative from the deepest; None: the deepest of all
                   for `vanilla`, the deepest of stride ≤ 16 for `patch`. What lies deeper is cut off

    Images are normalised inside by the backbone's own mean and deviation. `backbone` maps them to features
    (N, C, H/stride, W/stride), of a transformer the patch tokens; its state_dict has timm's names, and with spectral
    normalisation the weights as divided. `min_size`: the least side, mostly the stride of the stage.
    Raises ComponentError, in one line, for an unknown backbone, one that takes a single size only, an absent stage and
    weights that cannot be had or do not fit; calling it raises ImageError for images below `min_size`, and where batch
    normalisation is to learn from a single value.
    """

    def __init__(
        self,
        backbone: str = "resnet18",
        weights: str = "none",
        spectral_norm: bool = False,
        features: int | None = None,
        head: Head = "vanilla",
    ) -> None:
        super().__init__()
        self.who = f"timm-{head}"
        self.name = backbone
        network = create(backbone, self.who, pretrained=weights == "timm")
        stage = stage_of(network, features, 16 if head == "patch" else None, self.who)
        checkpoint = None if weights in ("none", "timm") else Checkpoint(weights, network, self.who, backbone)
        self.backbone = Backbone(network, stage, normed=truncate(network, stage))
        if checkpoint:
            checkpoint.load_into(network)
        found = probe(self.backbone, self.who, backbone)
        self.backbone.fill, self.min_size = found.fill, found.min_size
        self.head = nn.Conv2d(found.channels, 1, 1) if head == "patch" else Pooled(found.channels)
        if spectral_norm:
            _divide_every_layer(self)

    def forward(self, images: Tensor) -> Tensor:
        check_images(images, self.who, self.min_size)
        try:
            logits: Tensor = self.head(self.backbone(images))
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            number, _, height, width = images.shape
            raise ImageError(
                f"{self.who}: {self.name} cannot learn batch statistics from {number} image of {width}×{height}; "
                "use a larger batch, a larger patch, or a backbone without batch normalisation"
            ) from error
        return logits


class Pooled(nn.Linear):
    """The mean over positions, then a linear layer: (N, C, h, w) → (N, 1, 1, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features.mean((2, 3)))[..., None, None]


def _divide_every_layer(network: nn.Module) -> None:
    for layer in list(network.modules()):
        # A layer that starts at zero has no largest singular value to be divided by.
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear) and layer.weight.any():
            divide_by_largest(layer)
