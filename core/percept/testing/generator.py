"""Checks on generators: degraded batch → restored batch, or name → output."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from percept.specs import GeneratorSpec
from percept.testing import images
from percept.testing.check import check, largest_difference, require, require_image_error
from percept.testing.dataset import HASH, LOOKED_AT, elsewhere
from percept.testing.network import NetworkSuite, require_sound_step, respond

LEAST_SIDE = 16
FRAMES = 3
NOBODY = "percept/no such name"


def looks_at_inputs(suite: GeneratorSuite) -> bool:
    """Whether it is a network, rather than outputs by their names."""
    return not suite.spec.by_name


def is_by_name(suite: GeneratorSuite) -> bool:
    """Whether it gives outputs by their names."""
    return suite.spec.by_name


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

    def verify_interface(self, built: Any) -> None:
        super().verify_interface(built)
        if self.spec.by_name:
            for name in ("ids", "named", "fingerprint"):
                require(hasattr(built, name), f"{type(built).__name__} has no {name}")

    @check()
    def builds(self) -> None:
        """It can be built for every scale of its spec, as an nn.Module."""
        scales = self.scales if self.takes("scale") else ()
        for parameters in [{"scale": scale} for scale in scales] or [{}]:
            self.verify_interface(self.build(**parameters))

    @check(looks_at_inputs)
    def shape(self) -> None:
        """Outputs are `scale` times as large as inputs, whatever their size: square or not, odd or even."""
        side = self.side
        for scale in self.scales:
            network = self.rebuilt(scale=scale) if self.takes("scale") else self.subject
            for count, height, width in ((1, side, side), (2, side, side + 5), (1, side + 3, side + 2)):
                inputs = self.degraded(count, height, width)
                self._require_shape(respond(self.given(network, inputs), inputs), inputs, scale)

    @check(looks_at_inputs)
    def finite(self) -> None:
        """Outputs are float32 and finite on natural, black and white inputs."""
        natural = self.degraded(1, self.side, self.side)
        for what, inputs in (("natural", natural), ("black", 0 * natural), ("white", 0 * natural + 1)):
            outputs = self.respond(inputs)
            require(outputs.dtype == torch.float32, f"{what} inputs give {outputs.dtype}")
            require(bool(outputs.isfinite().all()), f"{what} inputs give values that are not finite")

    @check(looks_at_inputs)
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
        """In eval mode the same inputs, or the same name, give the same outputs, to the last bit."""
        if self.spec.by_name:
            once, again = (self.subject.named(self.names[0]) for _ in range(2))
        else:
            inputs = self.degraded(2, self.side, self.side)
            once, again = self.respond(inputs), self.respond(inputs)
        worst = largest_difference(once, again)
        require(worst == 0, f"a second time differs by {worst:.3g}")

    @property
    def names(self) -> list[str]:
        """The first few names that one by name has outputs for."""
        return list(self.subject.ids)[:LOOKED_AT]

    @check(is_by_name)
    def named(self) -> None:
        """There are outputs, and they are (1, 3, H, W), float32, in [0, 1]."""
        require(bool(self.names), "has no output")
        for name in self.names:
            output = self.subject.named(name)
            require(output.dtype == torch.float32, f"{name}: {output.dtype}, not float32")
            fits = output.ndim == 4 and tuple(output.shape[:2]) == (1, 3)
            require(fits, f"{name}: {tuple(output.shape)}, not (1, 3, H, W)")
            low, high = output.min().item(), output.max().item()
            require(low >= 0 and high <= 1, f"{name}: values from {low:.4g} to {high:.4g}, outside of [0, 1]")

    @check(is_by_name)
    def others_refused(self) -> None:
        """A name that it has no output for, and an image in the place of a name, raise ImageError of one line."""
        require_image_error(lambda: self.subject.named(NOBODY), "an unknown name")
        require_image_error(lambda: self.subject(images.natural(1, self.side, self.side)), "an image")

    @check(is_by_name)
    def fingerprint(self) -> None:
        """`fingerprint()` is hexadecimal, and the same in any current directory, whoever built it."""
        mark = self.subject.fingerprint()
        require(isinstance(mark, str) and bool(HASH.fullmatch(mark)), f"{mark!r} is no hexadecimal hash")
        with elsewhere():
            moved = self.rebuilt().fingerprint()
        require(moved == mark, "depends on the current directory, or on who built it")

    @check(looks_at_inputs)
    def inputs_unchanged(self) -> None:
        """Inputs are not written to."""
        inputs = self.degraded(1, self.side, self.side)
        before = inputs.clone()
        respond(self.given(self.subject, inputs), inputs)
        require(torch.equal(inputs, before), "the inputs changed")

    @check(looks_at_inputs)
    def min_size(self) -> None:
        """Inputs of the spec's min_size a side give outputs of the right shape."""
        inputs = self.degraded(1, self.spec.min_size, self.spec.min_size)
        self._require_shape(self.respond(inputs), inputs, self.scales[0])

    @check(lambda suite: looks_at_inputs(suite) and suite.spec.min_size > 1)
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

    @check(looks_at_inputs)
    def other_device(self) -> None:
        """Moved to another device it restores and learns there as it does here, and mixes no tensors of the two."""
        inputs = self.degraded(2, self.side, self.side)
        self.require_same_elsewhere(self.given(self.rebuilt(), inputs), inputs)

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
