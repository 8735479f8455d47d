"""The batch norm of several processes, of which there is one here: torch's own, to second derivatives."""

from __future__ import annotations

import copy

import pytest
import torch
from percept.errors import InputError
from percept.training.batch_norm import SharedBatchNorm, share_batch_norms
from percept.training.group import Group
from torch import Tensor, nn


def pair(
    momentum: float | None = 0.1, affine: bool = True, tracks: bool = True
) -> tuple[nn.BatchNorm2d, SharedBatchNorm]:
    torch.manual_seed(0)
    torchs = nn.BatchNorm2d(3, momentum=momentum, affine=affine, track_running_stats=tracks)
    if affine:
        nn.init.normal_(torchs.weight)
        nn.init.normal_(torchs.bias)
    return torchs, SharedBatchNorm(copy.deepcopy(torchs), Group())


@pytest.mark.parametrize(
    ("momentum", "affine", "tracks"), [(0.1, True, True), (None, True, True), (0.1, False, True), (0.1, True, False)]
)
def test_it_is_the_batch_norm_that_it_was_made_of(momentum: float | None, affine: bool, tracks: bool) -> None:
    torchs, ours = pair(momentum, affine, tracks)
    for training in (True, True, False):
        batch = torch.randn(4, 3, 5, 6) * 2 + 1
        found = []
        for layer in (torchs, ours):
            layer.train(training)
            images = batch.clone().requires_grad_()
            output: Tensor = layer(images)
            (gradient,) = torch.autograd.grad((output.sin() * output).sum(), images, create_graph=True)
            (second,) = torch.autograd.grad(gradient.square().sum(), images)
            found.append([output, gradient, second, *layer.buffers()])
        for one, two in zip(*found, strict=True):
            torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)


def test_in_evaluation_it_asks_no_other_process() -> None:
    for tracks in (True, False):
        torchs, _ = pair(tracks=tracks)
        shared = SharedBatchNorm(torchs, Group(0, 2)).eval()  # there is no other process: asking would raise
        batch = torch.randn(2, 3, 4, 4)
        assert torch.equal(shared(batch), torchs.eval()(batch))


class Activated(nn.BatchNorm2d):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's name for it
        return super().forward(input).relu()


def test_a_batch_norm_that_is_more_is_refused_by_name() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(Activated(4)))
    with pytest.raises(
        InputError, match=r"layer 1\.0 is a Activated, a batch norm that processes cannot share; make it 1"
    ):
        share_batch_norms(network, Group(0, 2))


def test_names_and_parameters_stay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), nn.BatchNorm2d(4)).eval()
    before, parameters = network.state_dict(), list(network.parameters())
    assert share_batch_norms(network, Group()) is network
    assert not any(isinstance(layer, SharedBatchNorm) for layer in network.modules())
    share_batch_norms(network, Group(1, 2))
    assert [type(layer) for layer in (network[1][0], network[2])] == [SharedBatchNorm] * 2  # type: ignore[index]  # a Sequential
    assert list(network.state_dict()) == list(before)
    assert all(one is other for one, other in zip(network.parameters(), parameters, strict=True))
    assert not network[2].training
