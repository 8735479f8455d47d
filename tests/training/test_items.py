"""Training images kept in files give the batches that those in memory give, and are decoded once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from percept.contracts import Sample
from percept.errors import PerceptError
from percept.training.degrade import Chain
from percept.training.ground_truths import GroundTruths
from percept.training.items import Decoded, in_memory, items_of
from percept.training.kept import MAPPED, InFiles, _mapped
from percept.training.patches import PatchSampler
from torch import Tensor, nn


class Groups:
    """Three images of three ground truths, the first as bytes, the second between levels; counts what is decoded."""

    ids = ("a", "b", "c")

    def __init__(self) -> None:
        self.decoded = 0

    def fingerprint(self) -> str:
        return "0"

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Sample:
        self.decoded += 1
        rng = torch.Generator().manual_seed(index)
        images = torch.rand(3, 3, 24, 20 + 2 * index, generator=rng)
        if index == 0:
            images = (images * 255).round() / 255
        return Sample(self.ids[index], images[0], targets=(images[1], images[2]), labels=("positive", "negative"))


class Halve:
    scale = 2

    def __call__(self, target: Tensor, rng: torch.Generator | None = None) -> Tensor:
        return nn.functional.avg_pool2d(target, 2)


HALVED = Chain([Halve()], stochastic=False)


def sampler(dataset: Groups, folder: Path | None) -> PatchSampler:
    keep = in_memory if folder is None else InFiles(folder)
    return PatchSampler(dataset, HALVED, 8, 4, True, 0, GroundTruths("rand"), with_negatives=True, keep=keep)


def test_batches_are_those_of_images_in_memory(tmp_path: Path) -> None:
    one, two, three = sampler(Groups(), None), sampler(Groups(), tmp_path), sampler(Groups(), tmp_path)
    for _ in range(10):
        for column in zip(one.next(), two.next(), three.next(), strict=True):
            tensors = [value for value in column if value is not None]
            assert len(tensors) == 3
            assert all(torch.equal(value, tensors[0]) for value in tensors[1:])


def test_images_are_decoded_once_for_all(tmp_path: Path) -> None:
    first, second = Groups(), Groups()
    sampler(first, tmp_path)
    sampler(second, tmp_path)
    assert (first.decoded, second.decoded) == (3, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"00000{n}.safetensors" for n in range(3)]


def test_an_item_comes_back_as_it_was(tmp_path: Path) -> None:
    for chain in (HALVED, Chain([Halve()], stochastic=True)):
        kept = InFiles(tmp_path / str(chain.stochastic))
        for plain, filed in zip(
            items_of(Groups(), chain, True), items_of(Groups(), chain, every_target=True, keep=kept), strict=True
        ):
            assert (filed.name, filed.labels) == (plain.name, plain.labels)
            for one, other in zip([*plain.targets, plain.degraded], [*filed.targets, filed.degraded], strict=True):
                if one is None or other is None:
                    assert one is other
                else:
                    assert one.dtype == other.dtype
                    assert torch.equal(one, other)


@pytest.mark.parametrize("damage", [b"", b"half a file"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    expected = sampler(Groups(), tmp_path).next()
    (tmp_path / "000001.safetensors").unlink()  # who has it mapped keeps it
    (tmp_path / "000001.safetensors").write_bytes(damage)
    dataset = Groups()
    again = sampler(dataset, tmp_path)
    assert dataset.decoded == 1
    assert torch.equal(again.next().target, expected.target)


def test_a_file_that_has_gone_is_told_and_only_so_many_are_mapped(tmp_path: Path) -> None:
    items = items_of(Groups(), HALVED, every_target=True, keep=InFiles(tmp_path))
    assert not any(isinstance(value, Tensor) for item in items for value in vars(item).values())
    _mapped.cache_clear()
    (tmp_path / "000002.safetensors").unlink()
    assert len(items[1].targets) == 3
    with pytest.raises(PerceptError, match=r"000002.*cannot be read any more; start again"):
        assert items[2].targets
    assert MAPPED < 65530


def test_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file")
    with pytest.raises(PerceptError, match=r"cannot be written .*free some space or set runtime\.images: memory"):
        InFiles(tmp_path / "images")(0, lambda: Decoded("a", [torch.zeros(3, 2, 2)], ["positive"], None))
