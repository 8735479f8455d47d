"""What generators and discriminators, networks that are trained and saved, must do alike."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from percept.specs import DiscriminatorSpec, GeneratorSpec
from percept.testing.check import Suite, largest_difference, require
from percept.testing.other_device import far, moved, other_device
from percept.training.checkpoint import to_bytes

N = TypeVar("N", GeneratorSpec, DiscriminatorSpec)


class NetworkSuite(Suite[N]):
    """A network's checks share one in eval mode, `subject`; what trains builds its own."""

    def verify_interface(self, built: Any) -> None:
        require(isinstance(built, nn.Module), f"{type(built).__name__} is no nn.Module")

    def require_same_elsewhere(self, network: nn.Module, inputs: Tensor) -> None:
        """Raise ConformanceError unless it computes and learns on another device as it does here."""
        here = respond(network, inputs.clone())
        with other_device() as device:
            moved(network, device)
            there = respond(network, far(inputs))
            require(there.device == device, f"outputs are on {there.device}, not on that of the inputs")
            off, size = largest_difference(there.cpu(), here), here.abs().max().item()
            require(off <= 1e-4 * max(1.0, size), f"there and here differ by {off:.3g}")
            _learn(network, network.train()(far(inputs)).square().mean())

    def respond(self, inputs: Tensor) -> Tensor:
        """What the network gives in eval mode, without a gradient."""
        return respond(self.subject, inputs.clone())

    def require_same_after_loading(self, first: nn.Module, second: nn.Module, inputs: Tensor) -> None:
        """Raise ConformanceError unless weights of the first, written as safetensors, make the second the same."""
        from safetensors.torch import load

        second.load_state_dict(load(to_bytes(first)))
        outputs = []
        for network in (first, second):
            torch.manual_seed(0)
            outputs.append(respond(network, inputs.clone()))
        difference = largest_difference(*outputs)
        require(difference == 0, f"with the same weights loaded, outputs differ by {difference:.3g}")


def _learn(network: nn.Module, loss: Tensor) -> None:
    """One step of Adam on whatever gets a gradient."""
    trained = [p for p in network.parameters() if p.requires_grad]
    if trained and loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
        torch.optim.Adam(trained, lr=1e-3).step()


def respond(network: nn.Module, inputs: Tensor) -> Tensor:
    """`network(inputs)` in eval mode, without a gradient."""
    network.eval()
    with torch.no_grad():
        outputs: Tensor = network(inputs)
    return outputs


def require_sound_step(network: nn.Module, loss: Tensor) -> None:
    """One step of Adam on `loss`. Raises ConformanceError unless every gradient is there and finite, and it moves."""
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    require(bool(trained), "there is no parameter to train")
    before = {name: p.detach().clone() for name, p in trained.items()}
    optimizer = torch.optim.Adam(trained.values(), lr=1e-3)
    loss.backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
    for name, parameter in trained.items():
        require(parameter.grad is not None, f"{name} gets no gradient")
        require(bool(parameter.grad.isfinite().all()), f"the gradient of {name} is not finite")  # type: ignore[union-attr]  # the line above
    optimizer.step()
    require(any(not torch.equal(before[name], p) for name, p in trained.items()), "no parameter changed")
