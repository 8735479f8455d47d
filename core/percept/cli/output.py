"""What goes to stdout: tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from percept.cli.complete import folders

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
store_option = click.option(
    "--store",
    default="store",
    show_default=True,
    envvar="PERCEPT_STORE",
    shell_complete=folders,
    help="Folder or URL of the results store.",
)


def print_json(data: Any) -> None:
    """Print JSON; NaN and infinities become null, which JSON has words for."""
    click.echo(json_text(data))


def json_text(data: Any) -> str:
    """JSON as `print_json` prints it."""
    return json.dumps(_plain(data), indent=2, ensure_ascii=False)


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """Print aligned columns under their names, numbers to the right; nothing for no rows."""
    for line in table_lines(rows, columns):
        click.echo(line)


def table_lines(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> Iterator[str]:
    """The lines of such a table, its head first. A column of numbers may have gaps."""
    if not rows:
        return
    columns = list(columns) or list(rows[0])
    numeric = {c: _is_numeric([r.get(c) for r in rows]) for c in columns}
    cells = [[_text(row.get(c)) for c in columns] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    for line in [list(columns), *cells]:
        padded = (
            text.rjust(width) if numeric[column] else text.ljust(width)
            for text, width, column in zip(line, widths, columns, strict=True)
        )
        yield "  ".join(padded).rstrip()


def split_names(text: str) -> list[str]:
    """At commas, but for those in brackets, which belong to a label: `psnr(crop-border=4, 8-bit)`."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def write_text(path: Path, text: str) -> None:
    """Write a file whole, or not at all. Raises InputError if it cannot be written."""
    from percept.errors import InputError

    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, "utf-8")
        draft.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _is_numeric(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float) for value in known)


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1000 else f"{value:.1f}"
    return str(value)


def _plain(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(k): _plain(v) for k, v in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(v) for v in data]
    if hasattr(data, "item"):  # numpy's scalars
        return _plain(data.item())
    return None if isinstance(data, float) and not math.isfinite(data) else data
