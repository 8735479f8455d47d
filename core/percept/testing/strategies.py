"""What is drawn: pairs and batches of images, as hypothesis's strategies. hypothesis is imported when one is made."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from percept.testing.contents import CONTENTS
from percept.testing.pairs import Batch, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy

LARGER = 40  # pixels that a side may exceed the least by
SEEDS = 64


def deck(least: int, outputs: Sequence[str]) -> list[Pair]:
    """Fixed pairs in which every output and every target occurs, at sizes of their own."""
    targets = [*CONTENTS]
    return [
        Pair(output, targets[5 * i % len(targets)], least + 7 * i % LARGER, least + 11 * i % LARGER, seed=i)
        for i, output in enumerate(outputs)
    ]


def pairs(least: int, outputs: Sequence[str], targets: Sequence[str] = tuple(CONTENTS)) -> SearchStrategy[Pair]:
    """Pairs of such contents, whose sides are `least` pixels and up to LARGER more."""
    return _numbers().map(lambda rng: Pair(rng.choice(outputs), rng.choice(targets), *_size_and_seed(rng, least)))


def batches(least: int, outputs: Sequence[str]) -> SearchStrategy[Batch]:
    """One to four of such pairs, of one size, in any order."""
    targets = [*CONTENTS]

    def batch(rng: Random) -> Batch:
        shown = [(rng.choice(outputs), rng.choice(targets)) for _ in range(rng.randint(1, 4))]
        return Batch(tuple(shown), *_size_and_seed(rng, least))

    return _numbers().map(batch)


def _size_and_seed(rng: Random, least: int) -> tuple[int, int, int]:
    return least + rng.randint(0, LARGER), least + rng.randint(0, LARGER), rng.randrange(SEEDS)


def _numbers() -> SearchStrategy[Random]:
    """Generators of random numbers, each of its own seed.

    hypothesis draws the bits of the seed. Were it to draw names and sizes, it would try variations of one case, where
    a score of cases have to cover everything; and it would prefer numbers that occur in the sources of whatever
    modules are loaded, so that what is drawn would depend on the caller's program.
    """
    from hypothesis import strategies as st

    bits = st.tuples(*[st.booleans()] * 32)
    return bits.map(lambda drawn: Random("".join("01"[bit] for bit in drawn)))
