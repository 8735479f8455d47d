"""The batch norm of several processes, of which there is one here: torch's own, to second derivatives."""

from __future__ import annotations

import copy

import pytest
import torch
from percept.errors import InputError
from percept.training.batch_norm import share_batch_norms
from percept.training.group import Group
from torch import Tensor, nn


class Twins(Group):
    """Two processes that have the same share, so that their mean is each one's own."""

    def mean(self, tensor: Tensor) -> Tensor:
        return tensor


TWINS = Twins(0, 2)


class Activated(nn.BatchNorm2d):
    """A batch norm and more, as timm's are."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's name for it
        return super().forward(input).relu()


class Selfmade(nn.BatchNorm2d):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's name for it
        return (input - input.mean((0, 2, 3), keepdim=True)) / input.std((0, 2, 3), keepdim=True)


@pytest.mark.parametrize("kind", [nn.BatchNorm2d, Activated])
@pytest.mark.parametrize(
    ("momentum", "affine", "tracks"), [(0.1, True, True), (None, True, True), (0.1, False, True), (0.1, True, False)]
)
def test_it_is_the_batch_norm_that_it_was_made_of(
    kind: type[nn.BatchNorm2d], momentum: float | None, affine: bool, tracks: bool
) -> None:
    """The twins' batch is the one process's batch twice."""
    torch.manual_seed(0)
    alone = kind(3, momentum=momentum, affine=affine, track_running_stats=tracks)
    if affine:
        nn.init.normal_(alone.weight)
        nn.init.normal_(alone.bias)
    together = share_batch_norms(nn.Sequential(copy.deepcopy(alone)), TWINS)
    for training in (True, True, False):
        batch = torch.randn(4, 3, 5, 6) * 2 + 1
        expected, found = alone.train(training)(batch.repeat(2, 1, 1, 1))[:4], together.train(training)(batch)
        for one, two in zip([expected, *alone.buffers()], [found, *together.buffers()], strict=True):
            torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [nn.BatchNorm2d, Activated])
def test_derivatives_are_those_of_one_process(kind: type[nn.BatchNorm2d]) -> None:
    torch.manual_seed(0)
    alone = kind(3)
    together = share_batch_norms(nn.Sequential(copy.deepcopy(alone)), TWINS)
    batch, found = torch.randn(4, 3, 5, 6), []
    for network in (alone, together):
        images = batch.clone().requires_grad_()
        output: Tensor = network(images)
        (gradient,) = torch.autograd.grad((output.sin() * output).sum(), images, create_graph=True)
        (second,) = torch.autograd.grad(gradient.square().sum(), images)
        found.append([output, gradient, second])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)


def test_in_evaluation_it_asks_no_other_process() -> None:
    for tracks in (True, False):
        alone = nn.BatchNorm2d(3, track_running_stats=tracks).eval()
        shared = share_batch_norms(
            nn.Sequential(copy.deepcopy(alone)), Group(0, 2)
        )  # there is no other: asking would raise
        batch = torch.randn(2, 3, 4, 4)
        assert torch.equal(shared(batch), alone(batch))


def test_torchs_own_shared_batch_norm_becomes_ours() -> None:
    network = share_batch_norms(nn.Sequential(nn.SyncBatchNorm(3)), TWINS)
    batch = torch.randn(4, 3, 5, 6)  # on the processor, where torch's cannot work
    torch.testing.assert_close(network(batch), nn.BatchNorm2d(3)(batch))


def test_one_that_forms_its_statistics_itself_is_refused_by_name() -> None:
    network = share_batch_norms(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(Selfmade(4))), TWINS)
    with pytest.raises(InputError, match=r"layer 1\.0, a Selfmade, forms batch statistics by itself.*; make it 1"):
        network(torch.randn(2, 3, 8, 8))


def test_names_and_parameters_stay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), nn.BatchNorm2d(4)).eval()
    before, parameters = network.state_dict(), list(network.parameters())
    plain = type(network[2])
    assert share_batch_norms(network, Group()) is network
    assert type(network[2]) is plain
    share_batch_norms(network, Group(1, 2))
    assert type(network[2]) is not plain
    assert type(network[2]).__name__ == "BatchNorm2d"
    assert list(network.state_dict()) == list(before)
    assert all(one is other for one, other in zip(network.parameters(), parameters, strict=True))
    assert not network[2].training
    again = copy.deepcopy(network)
    again.load_state_dict(before)
