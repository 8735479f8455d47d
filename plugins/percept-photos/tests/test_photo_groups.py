from __future__ import annotations

import math

import pytest
import torch
from percept.contracts import LABELS, DataError, ImageError, Sample
from percept_photos import groups
from percept_photos.groups import VERSIONS, PhotoGroups, emphasised
from percept_photos.photos import Photos
from torch import Tensor


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    dataset = PhotoGroups("test", crop=200)
    return [dataset[index] for index in range(len(dataset))]


def _detail(image: Tensor) -> float:
    """Mean square of differences between neighbours: what sharpening raises and smoothing lowers."""
    return sum(image.diff(dim=dim).square().mean().item() for dim in (-2, -1))


def test_targets_are_the_photographs(samples: list[Sample]) -> None:
    photos = Photos("test", crop=200)
    assert PhotoGroups("test", crop=200).ids == photos.ids == [sample.id for sample in samples]
    assert all(torch.equal(sample.target, photos[index].target) for index, sample in enumerate(samples))
    assert [PhotoGroups(split).ids for split in ("train", "all")] == [Photos(split).ids for split in ("train", "all")]


def test_versions_are_labelled_best_first(samples: list[Sample]) -> None:
    for sample in samples:
        assert len(sample.targets) == len(VERSIONS)
        assert sample.labels == tuple(sorted(sample.labels, key=LABELS.index))
        assert set(sample.labels) == set(LABELS)


def test_each_version_does_what_it_is_called(samples: list[Sample]) -> None:
    for sample in samples:
        detail = {v.name: _detail(image) for v, image in zip(VERSIONS, sample.targets, strict=True)}
        original = _detail(sample.target)
        assert detail["smoothed"] < original / 2 < original < detail["contrast"] < detail["sharper"]
        assert detail["sharper"] < detail["oversharpened"] / 2
        levels = dict(zip((v.name for v in VERSIONS), sample.targets, strict=True))
        assert levels["contrast"].std() > sample.target.std()
        assert (levels["contrast"] - sample.target).abs().max() < 0.05


def test_versions_have_eight_bit_levels_and_differ(samples: list[Sample]) -> None:
    for sample in samples:
        images = [sample.target, *sample.targets]
        assert all(torch.equal((image * 255).round() / 255, image) for image in images)
        assert not any(torch.equal(a, b) for place, a in enumerate(images) for b in images[:place])


def test_the_unsharp_mask_is_that_of_its_formula() -> None:
    image = torch.zeros(3, 21, 21)
    image[:, 10, 10] = 0.5
    centre = (1 / (math.sqrt(2 * math.pi) * 1.0)) ** 2  # a Gaussian's peak, which samples of unit step hardly miss
    expected = 0.5 + 0.5 * (0.5 - 0.5 * centre)
    assert emphasised(image, 1.0, 0.5)[0, 10, 10].item() == pytest.approx(expected, abs=0.6 / 255)
    assert emphasised(image, 1.0, -1.0)[0, 10, 10].item() == pytest.approx(0.5 * centre, abs=0.6 / 255)
    flat = torch.full((3, 5, 4), 102 / 255)
    assert all(torch.equal(emphasised(flat, v.sigma, v.amount), flat) for v in VERSIONS)


def test_a_single_pixel_has_versions() -> None:
    sample = PhotoGroups("test", crop=1)[0]
    assert {image.shape for image in sample.targets} == {(3, 1, 1)}


def test_the_fingerprint_follows_photographs_crop_and_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = [PhotoGroups("test").fingerprint(), PhotoGroups("test", crop=64).fingerprint(), PhotoGroups().fingerprint()]
    assert PhotoGroups("test").fingerprint() == marks[0] != Photos("test").fingerprint()
    monkeypatch.setattr(groups, "VERSIONS", VERSIONS[:-1])
    marks.append(PhotoGroups("test").fingerprint())
    assert len(set(marks)) == 4


def test_errors_are_those_of_photos() -> None:
    with pytest.raises(DataError, match="no split 'val'; it has train, test, all"):
        PhotoGroups("val")  # type: ignore[arg-type]  # what a recipe may say
    with pytest.raises(ImageError, match="smaller than the crop of 5000"):
        PhotoGroups("test", crop=5000)[0]
