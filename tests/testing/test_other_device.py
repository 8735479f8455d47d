"""The simulated device refuses what an accelerator does, and nothing else; it gives the processor's numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from percept.testing.check import CheckSkipped
from percept.testing.mixing import MixedDevicesError
from percept.testing.other_device import far, other_device
from torch import Tensor, nn
from torch import tensor as bound_before

Operation = Callable[[Tensor], object]


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def put(x: Tensor) -> None:
    x[x > 0.5] = torch.zeros(int((x > 0.5).sum()))


def put_lookup(x: Tensor) -> None:
    torch.zeros(9)[x.long().flatten()] = 1.0


def summed(x: Tensor) -> Tensor:
    total = torch.zeros(())
    total += x.mean()
    return total


def precisely(x: Tensor) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        return x @ x


REFUSED: dict[str, Operation] = {
    "a sum": lambda x: x + torch.ones(3, 4, 4),
    "a kernel": lambda x: nn.functional.conv2d(x[None], torch.ones(1, 3, 2, 2)),
    "a lookup table": lambda x: torch.arange(9.0)[x.long()],
    "values by a mask": put,
    "a table that is written": put_lookup,
    "a total of the processor's": summed,
    "a stack of two devices": lambda x: torch.stack([x.mean(), torch.zeros(())]),
    "the processor's generator": lambda x: torch.randn(x.shape, generator=rng(), device=x.device),
    "the same, in place": lambda x: x.clone().normal_(generator=rng()),
    "the same, of probabilities": lambda x: torch.bernoulli(x, generator=rng()),
}
ACCEPTED: dict[str, Operation] = {
    "a lone number": lambda x: x * torch.tensor(2.0),
    "indices of the processor's": lambda x: x[:, torch.tensor([1, 2])],
    "a list of indices": lambda x: x[:, [1, 2], 0],
    "a mask of its own": lambda x: x[x > 0.5],
    "a lone value by a mask": lambda x: x.clone().masked_fill_(x > 0.5, 0.0),
    "numbers drawn here, then moved": lambda x: x + torch.rand(x.shape, generator=rng()).to(x.device),
    "a constant": lambda x: x * torch.tensor([1.0, 2.0, 3.0, 4.0], device=x.device),
    "another": lambda x: x * x.new_tensor([1.0, 2.0, 3.0, 4.0]),
    "an array": lambda x: x * torch.asarray([1.0, 2.0, 3.0, 4.0], device=x.device),
    "lone numbers made a tensor": lambda x: torch.tensor([x.mean(), x.std()], device=x.device),
    "made of nothing": lambda x: x + torch.arange(4, device=x.device) + torch.zeros_like(x),
    "a conjugate": lambda x: (torch.fft.fft(x) * torch.fft.fft(x).conj()).imag.abs() + torch.fft.ifft(x).real,
    "without autocast": precisely,
    "a copy back": lambda x: x.cpu() + torch.ones(4),
    "a buffer filled": lambda x: torch.empty_like(x).copy_(torch.ones(3, 4, 4)) + x,
    "a number": lambda x: torch.tensor(float(x.mean()) + x.amax().item() + sum(x.flatten().tolist())),
}


def images() -> Tensor:
    return torch.rand(3, 4, 4, generator=rng())


@pytest.mark.parametrize("operation", REFUSED.values(), ids=REFUSED)
def test_what_an_accelerator_refuses(operation: Operation) -> None:
    operation(images())  # is fine on the processor
    with other_device(), pytest.raises(MixedDevicesError):
        operation(far(images()))


@pytest.mark.parametrize("operation", ACCEPTED.values(), ids=ACCEPTED)
def test_what_an_accelerator_does_has_the_processors_numbers(operation: Operation) -> None:
    expected = operation(images())
    with other_device():
        found = operation(far(images()))
        assert isinstance(found, Tensor)
        torch.testing.assert_close(found.cpu(), expected)


def test_a_number_can_be_written_into_a_text() -> None:
    expected = f"{images().mean():.3f}"
    with other_device():
        assert f"{far(images()).mean():.3f}" == expected


def test_an_array_has_to_be_fetched() -> None:
    with other_device():
        x = far(images())
        with pytest.raises(TypeError, match=r"use \.cpu\(\) first"):
            x.numpy()
        assert (x.cpu().numpy() == images().numpy()).all()


def test_what_cannot_be_followed_is_no_fault_of_anybody() -> None:
    with other_device(), pytest.raises(CheckSkipped, match="made in a way that the simulated device does not see"):
        far(images()) * bound_before([1.0, 2.0, 3.0, 4.0], device=far(images()).device)


def test_gradients_are_the_processors_to_the_second() -> None:
    def found(x: Tensor) -> Tensor:
        x.requires_grad_()
        (gradient,) = torch.autograd.grad((x.sin() * x).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(gradient.square().sum(), x)
        return second

    expected = found(images())
    with other_device():
        torch.testing.assert_close(found(far(images())).cpu(), expected)
