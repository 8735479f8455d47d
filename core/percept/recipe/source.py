"""Recipe files → text and nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from percept.errors import InputError
from percept.recipe.nodes import parse
from percept.schema import Findings, Node, Position
from percept.schema.words import shown as value_shown

if TYPE_CHECKING:
    from pathlib import Path

    from yaml import Mark


def read_text(path: Path) -> str:
    """The text of a recipe. Raises InputError, without the file's name, if it cannot be read or is not UTF-8."""
    try:
        data = path.read_bytes()
    except IsADirectoryError as error:
        raise InputError("is a folder, not a recipe") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"is not UTF-8: byte 0x{data[error.start]:02x} in line {line}") from error


def parse_file(text: str, shown: str, findings: Findings) -> Node | None:
    """The map that a recipe is, or None after reporting why it is none. `shown` is the file's name for positions."""

    def place(mark: Mark) -> Position:
        return Position(shown, mark.line + 1, mark.column + 1)

    before = len(findings.problems)
    node = parse(text, place, findings)
    if node is None:
        if len(findings.problems) == before:
            findings.add(Position(shown, 1, 1), "", "is empty")
        return None
    if not isinstance(node.value, dict):
        message = f"expects a map with keys such as data and generator, not {value_shown(node.value)}"
        findings.add(node.position, "", message)
        return None
    return node
