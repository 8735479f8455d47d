"""The plan of the house: imports run one way, those inside functions as well, and nothing reaches up a floor."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {"percept_store": ROOT / "results_store/src", "percept": ROOT / "core"}  # from the ground up
PLUGINS = {path.name: path.parent for path in ROOT.glob("plugins/*/src/*") if path.is_dir()}


def modules(package: str, root: Path) -> dict[str, ast.Module]:
    """Dotted name → syntax tree, of every file of the package."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text("utf-8")
        )
        for path in (root / package).rglob("*.py")
        if "templates" not in path.parts
    }


def imported(tree: ast.Module) -> set[str]:
    """What a file imports at run time; types are looked at by checkers alone."""
    found = set[str]()
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        pending.extend(ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize("package", [*FLOORS, *PLUGINS])
def test_no_import_comes_back_to_where_it_began(package: str) -> None:
    known = modules(package, {**FLOORS, **PLUGINS}[package])
    graph = {name: (imported(tree) & known.keys()) - {name} for name, tree in known.items()}
    # A package's face hands names on: who asks for a part of the package asks for that part.
    for needs in graph.values():
        needs -= {name for name in needs if any(other.startswith(f"{name}.") for other in needs)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"circle: {' -> '.join(error.args[1])}")


def test_nothing_reaches_up_a_floor() -> None:
    store, core = (
        {n.partition(".")[0] for t in modules(p, r).values() for n in imported(t)} for p, r in FLOORS.items()
    )
    assert not store & {"percept", *PLUGINS}
    assert not core & set(PLUGINS)
