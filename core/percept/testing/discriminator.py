"""Checks on discriminators: images → logits, through a backbone that can be taken out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from percept.specs import DiscriminatorSpec
from percept.testing import images
from percept.testing.check import check, require, require_image_error
from percept.testing.network import NetworkSuite, require_sound_step

LEAST_SIDE = 64


class DiscriminatorSuite(NetworkSuite[DiscriminatorSpec]):
    """Shapes follow from `output`: one logit an image, a patch or a pixel."""

    @property
    def side(self) -> int:
        """Pixels a side of the images that most checks use: room for several patches."""
        return max(2 * self.spec.min_size, LEAST_SIDE)

    def verify_interface(self, built: Any) -> None:
        super().verify_interface(built)
        backbone = getattr(built, "backbone", None)
        require(isinstance(backbone, nn.Module), f"its `backbone` is {type(backbone).__name__}, not an nn.Module")

    @check()
    def shape(self) -> None:
        """Logits are (N, 1, h, w): h = w = 1 for `image`, several for `patch`, those of the image for `pixel`."""
        self._require_shape(self.side, self.side)

    @check()
    def sizes(self) -> None:
        """Images need be neither square nor of even size."""
        for height, width in ((self.side, self.side + 13), (self.side + 7, self.side + 2)):
            self._require_shape(height, width)

    @check()
    def finite(self) -> None:
        """Logits of natural, black and white images are finite and float32."""
        size = (2, self.side, self.side)
        shown = (("natural", images.natural(*size)), ("black", images.flat(0, *size)), ("white", images.flat(1, *size)))
        for what, batch in shown:
            logits = self.respond(batch)
            require(logits.dtype == torch.float32, f"{what} images give {logits.dtype}")
            require(bool(logits.isfinite().all()), f"{what} images give logits that are not finite")

    @check()
    def min_size(self) -> None:
        """Images of the spec's min_size a side have logits."""
        logits = self.respond(images.natural(2, self.spec.min_size, self.spec.min_size))
        require(logits.numel() > 0, f"logits are {tuple(logits.shape)}")

    @check(lambda suite: suite.spec.min_size > 1)
    def smaller_refused(self) -> None:
        """An image one pixel lower than the spec's min_size raises ImageError of one line."""
        height, width = self.spec.min_size - 1, self.spec.min_size
        batch = images.natural(2, height, width)
        require_image_error(lambda: self.respond(batch), f"an image of {width}×{height}")

    @check()
    def trains(self) -> None:
        """One step of Adam on real and restored images finds a finite gradient for every parameter."""
        network = self.rebuilt().train()
        real = images.natural(2, self.side, self.side)
        logits = network(torch.cat([real, images.blurred(real)]))
        wanted = torch.zeros_like(logits)
        wanted[:2] = 1
        require_sound_step(network, functional.binary_cross_entropy_with_logits(logits, wanted))

    @check()
    def gradient_reaches_images(self) -> None:
        """The gradient of each image's logits reaches its pixels, and is finite: a generator learns from it."""
        batch = images.natural(2, self.side, self.side).requires_grad_()
        logits: Tensor = self.subject.eval()(batch)
        require(logits.requires_grad, "logits have no gradient")
        (gradient,) = torch.autograd.grad(logits.sum(), batch, allow_unused=True)
        require(gradient is not None, "no gradient reaches the images")
        require(bool(gradient.isfinite().all()), "the gradient is not finite")
        require(bool((gradient.flatten(1).norm(dim=1) > 0).all()), "the gradient of an image is zero")

    @check()
    def second_derivative(self) -> None:
        """The gradient at images has a finite gradient of its own: what r1 and gradient penalties descend."""
        network: nn.Module = self.rebuilt().train()
        batch = images.natural(2, self.side, self.side).requires_grad_()
        (gradient,) = torch.autograd.grad(network(batch).mean(), batch, create_graph=True, allow_unused=True)
        if gradient is None:  # that no gradient reaches the images is another check's
            return  # type: ignore[unreachable]  # torch leaves None out of the type
        trained = [p for p in network.parameters() if p.requires_grad]
        found = torch.autograd.grad(gradient.square().sum(), trained, allow_unused=True)
        require(any(g is not None for g in found), "no parameter gets a gradient from the gradient at images")
        require(all(bool(g.isfinite().all()) for g in found if g is not None), "the second derivative is not finite")

    @check()
    def backbone(self) -> None:
        """`backbone` maps images to features, a tensor; its parameters are among those of the discriminator."""
        network: nn.Module = self.rebuilt().eval()
        inner: nn.Module = network.backbone  # type: ignore[assignment]  # `builds` checks it
        with torch.no_grad():
            features = inner(images.natural(2, self.side, self.side))
        require(isinstance(features, Tensor), f"it gives {type(features).__name__}, not a tensor")
        require(features.shape[0] == 2, f"2 images give features of shape {tuple(features.shape)}")
        foreign = {id(p) for p in inner.parameters()} - {id(p) for p in network.parameters()}
        require(not foreign, f"{len(foreign)} of its parameters are not the discriminator's")

    @check()
    def saves_and_loads(self) -> None:
        """Weights written as safetensors and loaded into another one make it give the same logits."""
        inputs = images.natural(2, self.side, self.side)
        self.require_same_after_loading(self.rebuilt(seed=0), self.rebuilt(seed=1), inputs)

    @check()
    def other_device(self) -> None:
        """Moved to another device it judges and learns there as it does here, and mixes no tensors of the two."""
        self.require_same_elsewhere(self.rebuilt(), images.natural(2, self.side, self.side))

    def _require_shape(self, height: int, width: int) -> None:
        logits = self.respond(images.natural(2, height, width))
        rule = f"{width}×{height} gives logits of shape {tuple(logits.shape)}, output is {self.spec.output}"
        require(logits.ndim == 4 and logits.shape[:2] == (2, 1), f"{rule}: not (2, 1, h, w)")
        rows, columns = logits.shape[-2:]
        if self.spec.output == "pixel":
            require((rows, columns) == (height, width), f"{rule}: not (2, 1, {height}, {width})")
        else:
            require(
                (rows * columns == 1) == (self.spec.output == "image"), f"{rule}: 1×1 is for `image`, and only for it"
            )
