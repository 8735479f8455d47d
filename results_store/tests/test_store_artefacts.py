from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from percept_store import Store, StoreError


def test_bytes_go_by_their_content_and_are_stored_once(store: Store) -> None:
    name = store.artefacts.put(b"weights", suffix=".safetensors")
    assert store.artefacts.put(b"weights", suffix=".safetensors") == name
    assert name.endswith(".safetensors")
    assert store.artefacts.read(name) == b"weights"
    assert store.artefacts.path(name).read_bytes() == b"weights"
    assert [path for path in Path(store.root).rglob("*") if path.is_file()] == [store.artefacts.path(name)]


@pytest.mark.parametrize("picture", ["astronaut", "chelsea", "coffee"])
def test_a_photograph_comes_back_exactly(store: Store, picture: str) -> None:
    image = getattr(skimage.data, picture)()[::2, ::3]
    name = store.artefacts.put_image(image)
    assert name.endswith(".png")
    np.testing.assert_array_equal(store.artefacts.read_image(name), image)


def test_an_array_comes_back_exactly(store: Store) -> None:
    array = np.random.default_rng(0).random((3, 5, 7), dtype="f4").transpose(2, 0, 1)
    name = store.artefacts.put_array(array)
    assert name.endswith(".npy")
    back = store.artefacts.read_array(name)
    assert back.dtype == "f4"
    np.testing.assert_array_equal(back, array)


def test_damage_and_absence_are_errors_and_storing_again_mends(store: Store) -> None:
    name = store.artefacts.put(b"weights", suffix=".bin")
    store.artefacts.path(name).write_bytes(b"weigh")
    with pytest.raises(StoreError, match="damaged artefact"):
        store.artefacts.read(name)
    store.artefacts.put(b"weights", suffix=".bin")
    assert store.artefacts.read(name) == b"weights"
    with pytest.raises(StoreError, match="no such artefact"):
        store.artefacts.read("0" * 64 + ".bin")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda a: a.put(b"", suffix="../x"), "suffix"),
        (lambda a: a.read("../../etc/passwd"), "not a name"),
        (lambda a: a.put_image(np.zeros((4, 4), "u1")), "expected"),
        (lambda a: a.put_image(np.zeros((4, 4, 3), "f4")), "expected"),
        (lambda a: a.put_array(np.array([None])), "use numbers"),
    ],
)
def test_what_cannot_be_an_artefact_is_refused(store: Store, ask: Any, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        ask(store.artefacts)
