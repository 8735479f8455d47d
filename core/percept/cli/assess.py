"""`percept assess`: score image files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percept.cli.complete import assessors
from percept.cli.outcome import say
from percept.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from percept.stages.files import FileScores


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--reference", type=click.Path(path_type=Path), help="Image, or folder of images of the same names.")
@click.option("--with", "names", required=True, shell_complete=assessors, help="Assessors, separated by commas.")
@click.option("--crop-border", default=0, show_default=True, type=click.IntRange(0), help="Pixels cut from each side.")
@json_option
def assess(paths: tuple[Path, ...], reference: Path | None, names: str, crop_border: int, as_json: bool) -> int:
    """Score images: PATHS are files or folders, each matched with its reference by name."""
    from percept.stages.files import assess_files

    wanted = [name.strip() for name in names.split(",") if name.strip()]
    scored = list(assess_files(paths, reference, wanted, crop_border))
    if as_json:
        print_json([{"image": s.name, "scores": s.values, "problems": s.problems} for s in scored])
    else:
        print_table([{"image": s.name, **s.values} for s in scored] + _mean(scored))
    for item in scored:
        for label, problem in item.problems.items():
            say(f"{item.name}: {label}: {problem}")
    return 1 if any(item.problems for item in scored) else 0


def _mean(scored: list[FileScores]) -> list[dict[str, Any]]:
    if len(scored) < 2:
        return []
    mean: dict[str, Any] = {"image": "mean"}
    for label in scored[0].values:
        values = [s.values[label] for s in scored]
        known = [v for v in values if v is not None]
        mean[label] = sum(known) / len(known) if len(known) == len(values) else None
    return [mean]
