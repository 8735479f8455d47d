"""Checks on generators: degraded batch → restored batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from percept.specs import GeneratorSpec
from percept.testing import images
from percept.testing.check import check, largest_difference, require, require_image_error
from percept.testing.network import NetworkSuite, require_sound_step, respond

LEAST_SIDE = 16
FRAMES = 3


def is_trainable(suite: GeneratorSuite) -> bool:
    """Whether `optimize` can train it."""
    return suite.spec.trainable


class GeneratorSuite(NetworkSuite[GeneratorSpec]):
    """Built for each scale that its spec offers, unless the parameters say which; the first serves most checks."""

    def build(self, seed: int = 0, **more: Any) -> Any:
        if self.takes("scale"):
            more.setdefault("scale", self.scales[0])
        return super().build(seed, **more)

    @property
    def scales(self) -> tuple[int, ...]:
        """The magnifications to look at."""
        return (self.parameters["scale"],) if "scale" in self.parameters else self.spec.scales

    @property
    def side(self) -> int:
        """Pixels a side of the inputs that most checks use."""
        return max(self.spec.min_size, LEAST_SIDE)

    def degraded(self, count: int, height: int, width: int) -> Tensor:
        """Inputs (count, 3, height, width), or (count, frames, 3, height, width) if it is a temporal one."""
        if not self.spec.temporal:
            return images.natural(count, height, width)
        return images.natural(count * FRAMES, height, width).reshape(count, FRAMES, 3, height, width)

    def given(self, network: Any, inputs: Tensor) -> Any:
        """The network, ready for these inputs: a per-image one has them as its own."""
        if self.spec.per_image:
            network.adopt(inputs)
        return network

    def respond(self, inputs: Tensor) -> Tensor:
        return respond(self.given(self.subject, inputs), inputs.clone())

    @check()
    def builds(self) -> None:
        """It can be built for every scale of its spec, as an nn.Module."""
        for scale in self.scales:
            self.verify_interface(self.build(scale=scale) if self.takes("scale") else self.build())

    @check()
    def shape(self) -> None:
        """Outputs are `scale` times as large as inputs, whatever their size: square or not, odd or even."""
        side = self.side
        for scale in self.scales:
            network = self.rebuilt(scale=scale) if self.takes("scale") else self.subject
            for count, height, width in ((1, side, side), (2, side, side + 5), (1, side + 3, side + 2)):
                inputs = self.degraded(count, height, width)
                self._require_shape(respond(self.given(network, inputs), inputs), inputs, scale)

    @check()
    def finite(self) -> None:
        """Outputs are float32 and finite on natural, black and white inputs."""
        natural = self.degraded(1, self.side, self.side)
        for what, inputs in (("natural", natural), ("black", 0 * natural), ("white", 0 * natural + 1)):
            outputs = self.respond(inputs)
            require(outputs.dtype == torch.float32, f"{what} inputs give {outputs.dtype}")
            require(bool(outputs.isfinite().all()), f"{what} inputs give values that are not finite")

    @check()
    def batch_independence(self) -> None:
        """In eval mode an input gives the same output alone and beside others, to 1e-5."""
        inputs = self.degraded(3, self.side, self.side)
        inputs[1] = 0
        together = self.respond(inputs)
        for i in (0, 2):
            worst = largest_difference(respond(self.subject, inputs[i : i + 1])[0], together[i])
            require(worst <= 1e-5, f"input {i} alone and in its batch differ by {worst:.3g}")

    @check()
    def deterministic(self) -> None:
        """In eval mode the same inputs give the same outputs, to the last bit."""
        inputs = self.degraded(2, self.side, self.side)
        worst = largest_difference(self.respond(inputs), self.respond(inputs))
        require(worst == 0, f"a second time differs by {worst:.3g}")

    @check()
    def inputs_unchanged(self) -> None:
        """Inputs are not written to."""
        inputs = self.degraded(1, self.side, self.side)
        before = inputs.clone()
        respond(self.given(self.subject, inputs), inputs)
        require(torch.equal(inputs, before), "the inputs changed")

    @check()
    def min_size(self) -> None:
        """Inputs of the spec's min_size a side give outputs of the right shape."""
        inputs = self.degraded(1, self.spec.min_size, self.spec.min_size)
        self._require_shape(self.respond(inputs), inputs, self.scales[0])

    @check(lambda suite: suite.spec.min_size > 1)
    def smaller_refused(self) -> None:
        """An input one pixel lower than the spec's min_size raises ImageError of one line."""
        height, width = self.spec.min_size - 1, self.spec.min_size
        inputs = self.degraded(1, height, width)
        require_image_error(lambda: self.respond(inputs), f"an input of {width}×{height}")

    @check(is_trainable)
    def trains(self) -> None:
        """One step of Adam finds a finite gradient for every parameter, and changes some."""
        inputs = self.degraded(2, self.side, self.side)
        network = self.given(self.rebuilt(), inputs).train()
        outputs = network(inputs)
        require_sound_step(network, (outputs - 0.25).abs().mean())

    @check(is_trainable)
    def saves_and_loads(self) -> None:
        """Weights written as safetensors and loaded into another one make it give the same outputs."""
        inputs = self.degraded(1, self.side, self.side)
        first, second = (self.given(self.rebuilt(seed=seed), inputs) for seed in (0, 1))
        self.require_same_after_loading(first, second, inputs)

    @check(lambda suite: not suite.spec.trainable)
    def nothing_to_train(self) -> None:
        """A generator whose spec says that it is not trainable has no parameters."""
        network: nn.Module = self.subject
        names = [name for name, _ in network.named_parameters()]
        require(not names, f"has parameters ({', '.join(names[:3])}), but its spec says trainable=False")

    def _require_shape(self, outputs: Tensor, inputs: Tensor, scale: int) -> None:
        height, width = inputs.shape[-2:]
        expected = (*inputs.shape[:-2], height * scale, width * scale)
        require(
            tuple(outputs.shape) == expected,
            f"at scale {scale}, {tuple(inputs.shape)} gives {tuple(outputs.shape)}, not {expected}",
        )
