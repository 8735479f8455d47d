"""What to say of scores that are missing: few lines, however many these are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from percept.stages.files import Assessed

# Lines before they are only counted, and names in a line.
LINES, NAMES = 10, 5


def problem_lines(assessed: Assessed) -> list[str]:
    """A line for each thing that went wrong; equal ones of several images together."""
    lines = [*_lonely(assessed), *_useless(assessed), *_single(assessed)]
    if len(lines) <= LINES:
        return lines
    return [*lines[:LINES], f"and {len(lines) - LINES} more; --format json tells all of them"]


def unused_lines(assessed: Assessed) -> Iterator[str]:
    """A line for each set that lacks images: its mean is not one over all references."""
    for name in assessed.sets:
        unused = assessed.unused(name)
        if unused:
            yield f"{name}: no image for {len(unused)} of {len(assessed.references)} references: {_listed(unused)}"


def _lonely(assessed: Assessed) -> Iterator[str]:
    from percept.stages.files.references import suffix_between

    for name in assessed.sets:
        images = assessed.of(name)
        lonely = [one for one in images if one.lonely]
        if len(lonely) == 1:
            yield f"{lonely[0].candidate.path}: {lonely[0].problem}"
        elif lonely:
            names = [one.candidate.image for one in lonely]
            suffix = suffix_between(names, assessed.references)
            hint = f"; did you mean --suffix {suffix}?" if suffix else ""
            yield f"{name}: no reference for {len(lonely)} of {len(images)} images: {_listed(names)}{hint}"


def _useless(assessed: Assessed) -> list[str]:
    return list(dict.fromkeys(one.problem for one in assessed.images if one.problem and not one.lonely))


def _single(assessed: Assessed) -> Iterator[str]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in assessed.images:
        for facts, score in zip(assessed.assessors, one.scores, strict=True):
            if score.reason not in ("", one.problem):
                found[facts["label"], score.reason].append(str(one.candidate.path))
    for (label, reason), paths in found.items():
        if len(paths) == 1:
            yield f"{paths[0]}: {label}: {reason}"
        elif len(paths) == len(assessed.images):
            yield f"{label}: {reason}"
        else:
            yield f"{label}: {reason}: {len(paths)} images: {_listed(paths)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more
