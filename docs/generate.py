"""Write docs/reference from the code: commands, hooks, components, the keys of a recipe.

    python docs/generate.py [--check]

With --check nothing is written; leaves with 1 and names the pages that are out of date.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from percept import contracts, hookspecs
from percept.cli import cli
from percept.execution.check import NOT_YET
from percept.recipe.document import HEAD, body
from percept.registry import HOOKS, registry
from percept.schema import Component, Field, List, Section
from percept.specs import SPECS
from percept.stages import SCHEMAS

REFERENCE = Path(__file__).parent / "reference"
CONTRACTS = {
    "generator": contracts.Generator,
    "discriminator": contracts.Discriminator,
    "fidelity_loss": contracts.FidelityLoss,
    "assessor": contracts.Assessor,
    "dataset": contracts.Dataset,
    "degradation": contracts.Degradation,
}
SETTINGS: Any = {**cli.context_settings, "max_content_width": 110, "terminal_width": 110}
NOTE = "<!-- written by docs/generate.py: `make docs` -->\n"


MATRIX = """\
## `matrix`

Axes and their values: a recipe has a cell for each combination.

```yaml
matrix:
  perceptual: [ms-ssim, {use: gmsd, label: gmsd-luma}]
  seed: [0, 1]
  exclude: [{perceptual: ms-ssim, seed: 1}]
  include: [{perceptual: ssim}]
```

A value is a number or a text, or a map, which results call by its `label`, else by its `use`. `exclude` drops the cells
that agree with an entry; each entry of `include` is one more, in which axes that it does not name take their first
value. Placeholders say where the values go.

## Placeholders

| text | stands for |
|---|---|
| `${matrix.AXIS}` | the cell's value, all of it |
| `${matrix.AXIS.KEY}` | what it has under that key, where it is a map; `label` is what results call it |
| `${env:NAME}`, `${env:NAME:DEFAULT}` | the environment's value; without a default it must be there |
| `$${` | `${` itself |

They stand for values anywhere, alone or within a text; those of the environment in `matrix`, too. In `{ }` and `[ ]`
YAML needs quotes around them: `{use: "${matrix.perceptual}"}`."""


def pages() -> dict[str, str]:
    """File name → text of every generated page."""
    return {
        "commands.md": _page("Commands", _commands(cli, "percept")),
        "hooks.md": _page("Hooks, specs and contracts", _hooks()),
        "components.md": _page("Components of this repository's plugins", _components()),
        "recipes.md": _page("The keys of a recipe", _recipe()),
    }


def _page(title: str, parts: Iterator[str]) -> str:
    return f"{NOTE}# {title}\n\n" + "\n\n".join(parts) + "\n"


def _commands(command: click.Command, path: str, parent: click.Context | None = None) -> Iterator[str]:
    context = click.Context(command, info_name=path.rpartition(" ")[2], parent=parent, **SETTINGS)
    yield f"## `{path}`\n\n```text\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _commands(child, f"{path} {name}", context)


def _hooks() -> Iterator[str]:
    yield inspect.cleandoc(hookspecs.__doc__ or "")
    for kind, hook in HOOKS.items():
        contract = CONTRACTS[kind]
        yield f"## `{hook}`\n\n{inspect.getdoc(getattr(hookspecs, hook))}"
        yield f"The spec, `{SPECS[kind].__name__}`:\n\n```text\n{inspect.getdoc(SPECS[kind])}\n```"
        yield f"The contract, `{contract.__name__}`:\n\n```text\n{inspect.getdoc(contract)}\n```"
        for name in ("prepare", "score"):
            if hasattr(contract, name):
                yield f"`{name}`:\n\n```text\n{inspect.getdoc(getattr(contract, name))}\n```"
    yield f"## What all specs carry\n\n```text\n{inspect.getdoc(SPECS['assessor'].__mro__[2])}\n```"
    yield f"## What all metrics carry\n\n```text\n{inspect.getdoc(SPECS['assessor'].__mro__[1])}\n```"


def _components() -> Iterator[str]:
    yield "`percept plugins info NAME` prints more: formula, variant, parameters, source."
    for kind in HOOKS:
        rows = [c for c in registry().components(kind) if c.plugin.distribution.startswith("percept-")]
        table = ["| name | what | plugin | source |", "|---|---|---|---|"]
        for component in sorted(rows, key=lambda c: c.spec.name):
            spec = component.spec
            sources = ", ".join(spec.cites)
            table.append(f"| `{spec.name}` | {spec.summary} | {component.plugin.distribution} | {sources} |")
        yield f"## {kind.replace('_', ' ').capitalize()}\n\n" + "\n".join(table)


def _recipe() -> Iterator[str]:
    yield "Every key, its default, and what it means. `percept recipe schema` prints the same for editors."
    yield "## Head\n\n" + _table(HEAD, "")
    yield MATRIX
    for name, field in body(SCHEMAS).fields.items():
        title = f"## `{name}`\n\n{field.doc}"
        if name in NOT_YET:
            title += ". **Not part of this version: a recipe with it is refused.**"
        section = _section(field)
        yield f"{title}\n\n{_table(section, '')}" if section else f"{title}; default `{field.default}`"


def _table(section: Section, prefix: str) -> str:
    return "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *_rows(section, prefix)])


def _rows(section: Section, prefix: str) -> Iterator[str]:
    for name, field in section.fields.items():
        default = "**required**" if field.required else f"`{field.default}`" if field.default is not None else ""
        yield f"| `{prefix}{name}` | {field.schema.expects} | {default} | {field.doc} |"
        inner = _section(field)
        if inner:
            suffix = "[]." if isinstance(field.schema, List) else "."
            yield from _rows(inner, f"{prefix}{name}{suffix}")


def _section(field: Field) -> Section | None:
    schema = field.schema.item if isinstance(field.schema, List) else field.schema
    if isinstance(schema, Component):
        schema = schema.reserved
    return schema if isinstance(schema, Section) and schema.fields else None


def main() -> int:
    stale = []
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        path = REFERENCE / name
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, "utf-8")
    if stale and "--check" in sys.argv:
        print(f"out of date: {', '.join(stale)}; run make docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
