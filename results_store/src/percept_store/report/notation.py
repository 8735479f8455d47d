"""How numbers are written: alone, or in a column whose values are to be compared by eye."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FURTHER = 2  # decimals that may be added to tell a best value apart: what differs by less is as good


@dataclass(frozen=True)
class Notation:
    """One for all values that stand together: so many decimals, of the mantissa where `scientific`."""

    digits: int
    scientific: bool = False

    def text(self, value: float) -> str:
        """`value` in this notation; no zero in it but the real one has an exponent."""
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        if self.scientific:
            return f"{value:.{self.digits}e}".replace("-", "−") if value else "0"
        plain = f"{value:.{self.digits}f}"
        return plain.replace("-", "−" if float(plain) else "")


def notation(values: Sequence[float], bounds: Iterable[float] = ()) -> Notation:
    """The one that shows the differences between `values`, and those from each of `bounds` if few decimals do.

    All are in scientific form where plain decimals would show nothing of one of `bounds`, or too many digits.
    """
    bounds, digits = list(bounds), decimals(values)
    scientific = any(_vanishes(bound, digits) for bound in bounds) or any(map(_overflows, values))
    first = 2 if scientific else digits
    found = (Notation(n, scientific) for n in range(first, first + FURTHER + 1))
    pairs = [(value, bound) for bound in bounds for value in values if value != bound]
    told = (n for n in found if all(n.text(value) != n.text(bound) for value, bound in pairs))
    return next(told, Notation(first, scientific))


def decimals(values: Iterable[float]) -> int:
    """Decimals that show the differences between `values` with three digits, and at most five of the largest."""
    finite = [value for value in values if math.isfinite(value)]
    spread = max(finite, default=0.0) - min(finite, default=0.0)
    largest = max((abs(value) for value in finite), default=0.0) or 1.0
    return max(min(2 - _magnitude(spread or largest / 100), 4 - _magnitude(largest)), 0)


def number(value: float, digits: int) -> str:
    """`value` by itself, with so many decimals; in scientific form where these would show nothing of it."""
    small_or_large = _vanishes(value, digits) or _overflows(value)
    return (Notation(2, scientific=True) if small_or_large else Notation(digits)).text(value)


def _vanishes(value: float, digits: int) -> bool:
    return value != 0 and abs(value) < 0.5 * 10**-digits


def _overflows(value: float) -> bool:
    return 1e7 <= abs(value) < math.inf


def _magnitude(value: float) -> int:
    return math.floor(math.log10(value))
