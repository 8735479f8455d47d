"""`percept plugins`: what is installed, what it can do, and whether it keeps its promises."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percept.cli.complete import components
from percept.cli.outcome import say
from percept.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from percept.registry import Component, Plugin

KINDS = ("generator", "discriminator", "fidelity_loss", "assessor", "dataset", "degradation")
METRICS = ("fidelity_loss", "assessor")
kind_option = click.option("--kind", type=click.Choice(KINDS), help="Only this kind of component.")


@click.group()
def plugins() -> None:
    """List, describe, test and start plugins."""


@plugins.command("list")
@kind_option
@click.option("--timings", is_flag=True, help="Show how long each plugin took to import.")
@json_option
def list_plugins(kind: str | None, timings: bool, as_json: bool) -> None:
    """List components, and the plugins that do not work.

    What is wrong with a plugin goes to stderr.
    """
    from percept.registry import registry

    found = registry()
    if as_json:
        print_json([_as_json(plugin) for plugin in found.plugins])
    elif timings:
        slowest = sorted(found.plugins, key=lambda p: -p.seconds)
        print_table([{"plugin": p.distribution, "ms": round(p.seconds * 1000, 2), "status": p.status} for p in slowest])
    else:
        rows = [_row(c) for c in found.components() if kind in (None, c.spec.kind)]
        print_table(sorted(rows, key=lambda r: (KINDS.index(r["kind"].replace(" ", "_")), r["name"])))
    for plugin in found.plugins:
        if plugin.status != "ok":
            say(f"{plugin.distribution} ({plugin.module}) {plugin.status}: {plugin.reason}")
    for (claimed, name), claims in found.conflicts().items():
        choices = " or ".join(c.qualified for c in claims)
        say(f"{claimed.replace('_', ' ')} '{name}' is claimed by {len(claims)} plugins: write {choices}")


@plugins.command()
@click.argument("name", shell_complete=components)
@kind_option
@json_option
def info(name: str, kind: str | None, as_json: bool) -> None:
    """Describe the components called NAME.

    Formula, source, variant, parameters, weights, licence.
    """
    found = _named(name, kind)
    if as_json:
        print_json([_described(c) for c in found])
        return
    for component in found:
        facts = _described(component)
        click.echo(f"{component.spec.kind.replace('_', ' ')} {component.spec.name}: {component.spec.summary}")
        for key, value in facts.items():
            if key not in ("name", "kind", "summary") and value not in ("", (), {}, None):
                click.echo(f"  {key.replace('_', ' ')}: {_inline(value)}")


@plugins.command()
@click.argument("name", shell_complete=components)
@click.argument("parameters", nargs=-1, metavar="[PARAMETER=VALUE]...")
@kind_option
@json_option
def check(name: str, parameters: tuple[str, ...], kind: str | None, as_json: bool) -> int:
    """Run the conformance suite on the components called NAME.

    percept plugins check folder path=photos
    """
    from percept.testing import run_component

    given = dict(_parameter(text) for text in parameters)
    rows: list[dict[str, Any]] = []
    for component in _named(name, kind):
        results = run_component(component, **given)
        rows += [{"kind": component.spec.kind, **dataclasses.asdict(result)} for result in results]
    print_json(rows) if as_json else print_table(rows, ("kind", "check", "status", "reason"))
    bad = sum(row["status"] in ("failed", "unexpected-pass") for row in rows)
    skipped = sum(row["status"] == "skipped" for row in rows)
    but = f", {skipped} skipped" if skipped else ""
    say(f"{name}: {len(rows) - bad - skipped} of {len(rows)} checks as they should be{but}")
    return 1 if bad else 0


@plugins.command()
@click.argument("name")
@click.option("--into", default=".", show_default=True, type=click.Path(path_type=Path), help="Folder to write it in.")
def new(name: str, into: Path) -> None:
    """Start a plugin for a metric called NAME.

    A working package, to be made your own.
    """
    from percept.scaffold import new_plugin

    _refuse_taken(name)
    for path in new_plugin(name, into):
        click.echo(path)
    say(f"next: pip install -e {into / f'percept-{name}'} && percept plugins check {name}")


def _refuse_taken(name: str) -> None:
    from percept.errors import InputError
    from percept.registry import registry

    for plugin in registry().plugins:
        what = [s.kind.replace("_", " ") for s in plugin.specs if s.name == name and s.kind in METRICS]
        if what or plugin.distribution == f"percept-{name}":
            has = f"{plugin.distribution} has {' and '.join(what)} '{name}'" if what else f"percept-{name} is installed"
            raise InputError(f"plugins new: {has}; choose another name")


def _named(name: str, kind: str | None) -> list[Component]:
    from percept.errors import ComponentError
    from percept.registry import registry

    found = [c for c in registry().components() if name in (c.spec.name, c.qualified) and kind in (None, c.spec.kind)]
    if not found:
        if kind is None:
            near = _nearest(name)
            raise ComponentError(f"unknown component '{name}'" + (f", did you mean {near}?" if near else ""))
        registry().find(kind, name)  # type: ignore[arg-type]  # click has checked the kind; raises, with its hints
    return found


def _parameter(text: str) -> tuple[str, Any]:
    import yaml

    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"'{text}' is not PARAMETER=VALUE")
    return name.replace("-", "_"), yaml.safe_load(value)


def _nearest(name: str) -> str:
    import difflib

    from percept.registry import registry

    names = sorted({c.spec.name for c in registry().components()})
    return " or ".join(difflib.get_close_matches(name, names, 3, cutoff=0.5))


def _row(component: Component) -> dict[str, Any]:
    return {
        "kind": component.spec.kind.replace("_", " "),
        "name": component.spec.name,
        "summary": component.spec.summary,
        "plugin": f"{component.plugin.distribution} {component.plugin.version}",
    }


def _described(component: Component) -> dict[str, Any]:
    from percept.errors import ComponentError
    from percept.registry import registry

    facts = dataclasses.asdict(component.spec)
    try:
        parameters: dict[str, str] | str = registry().parameters(component)
    except ComponentError as error:
        parameters = str(error)
    plugin = f"{component.plugin.distribution} {component.plugin.version}"
    return {
        "kind": component.spec.kind,
        **facts,
        "version": component.version,
        "plugin": plugin,
        "parameters": parameters,
    }


def _as_json(plugin: Plugin) -> dict[str, Any]:
    facts = {
        f: getattr(plugin, f) for f in ("name", "distribution", "version", "module", "status", "reason", "seconds")
    }
    return {**facts, "components": [{"kind": s.kind, "name": s.name, "summary": s.summary} for s in plugin.specs]}


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{k}: {v}" for k, v in value.items())
    return ", ".join(map(_inline, value)) if isinstance(value, list | tuple) else str(value)
