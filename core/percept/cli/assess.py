"""`percept assess`: score image files."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from percept.cli.complete import assessors, files, folders
from percept.cli.outcome import say
from percept.cli.output import write_text

if TYPE_CHECKING:
    from percept.stages.files import Assessed, Judged

_FORM_OF = {".json": "json", ".csv": "csv"}


@click.command()
@click.argument("paths", nargs=-1, required=True, shell_complete=files)
@click.option(
    "--reference",
    metavar="PATH",
    shell_complete=files,
    help="Image for all, or folder or pattern of images of the same names.",
)
@click.option(
    "--with", "names", required=True, multiple=True, shell_complete=assessors, help="Assessors, separated by commas."
)
@click.option(
    "--suffix", "suffixes", multiple=True, help="What names add to those they belong to: x4 for img_1x4.png, img_1.png."
)
@click.option("--crop-border", default=0, show_default=True, type=click.IntRange(0), help="Pixels cut from each side.")
@click.option("--eight-bit", is_flag=True, help="Round to 8-bit levels before scoring.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    help="Default: table, or what the suffix of --out says.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file, and print the means.")
@click.option(
    "--store", shell_complete=folders, help="Keep the scores in this results store, and compute none that it holds."
)
@click.option("--name", "sets", multiple=True, help="Name of the set, in place of its folder's; one for each.")
@click.option("--label", default="", help="Name of the images in the store; default: the references' folder.")
@click.option(
    "--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute."
)
@click.option("--jobs", "-j", default=1, show_default=True, type=click.IntRange(1), help="Processes at a time.")
def assess(
    paths: tuple[str, ...],
    reference: str | None,
    names: tuple[str, ...],
    suffixes: tuple[str, ...],
    crop_border: int,
    eight_bit: bool,
    form: str | None,
    as_json: bool,
    out: Path | None,
    store: str | None,
    sets: tuple[str, ...],
    label: str,
    device: str,
    jobs: int,
) -> int:
    """Score images: PATHS are folders, files, or patterns such as 'out/**/*.png'.

    Each folder is a set with a mean of its own. Images are compared with the reference of the same name: their path
    below the folder, without its suffix.
    """
    from percept.cli.missing import problem_lines, unused_lines
    from percept.stages.files import Options, assess_files

    form = "json" if as_json else form or _FORM_OF.get(out.suffix.lower() if out else "", "table")
    if out and not out.parent.is_dir():
        raise click.UsageError(f"--out {out}: no folder {out.parent}; make it first")
    wanted = [name.strip() for text in names for name in text.split(",") if name.strip()]
    if not wanted:
        raise click.UsageError("--with: name an assessor, as in --with psnr,ssim")
    assessed = assess_files(
        paths,
        wanted,
        reference,
        options=Options(crop_border, eight_bit),
        suffixes=suffixes,
        names=sets,
        store=store,
        label=label,
        device=device,
        jobs=jobs,
        watch=_progress,
    )
    _print(assessed, form, out)
    problems = problem_lines(assessed)
    for line in [*problems, *unused_lines(assessed), *assessed.notes]:
        say(line)
    if store:
        say(f"{assessed.new} new scores, {assessed.held} held before; cube: {store}/cube.zarr")
    return 1 if problems else 0


def _print(assessed: Assessed, form: str, out: Path | None) -> None:
    from percept.cli.scores import as_csv, as_json, as_table, means_table

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    rendered = {"json": as_json, "csv": as_csv}.get(form, as_table)
    if out:
        write_text(out, rendered(assessed) + "\n")
        say(f"wrote {out}")
        click.echo(means_table(assessed, width))
    else:
        click.echo(as_table(assessed, width) if form == "table" else rendered(assessed))


def _progress(images: Iterable[Judged], total: int) -> Iterable[Judged]:
    """A bar on a terminal, and nothing elsewhere."""
    from tqdm import tqdm

    bar: Iterable[Judged] = tqdm(
        images, total=total, unit="image", leave=False, dynamic_ncols=True, disable=not sys.stderr.isatty()
    )
    return bar
