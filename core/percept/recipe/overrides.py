"""`--set a.b=value` and `--set a[1].b=value`: changes from the command line."""

from __future__ import annotations

import re

from percept.recipe.nodes import parse
from percept.schema import Findings, Node, Position
from percept.schema.words import join, shown

_PATH = re.compile(r"[^.\[\]]+(\[[0-9]{1,6}\]|\.[^.\[\]]+)*")
_STEP = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")

Step = str | int


def override(tree: Node, text: str, findings: Findings) -> Node:
    """`tree` with one value replaced, whatever it was; maps on the way are made where they are missing.

    The value is YAML. Problems, now and later, stand at `--set a.b`.
    """
    key, equals, source = text.partition("=")
    position = Position(f"--set {key}")
    if not equals or not _PATH.fullmatch(key):
        findings.add(position, "", "write it as a.b=value or a[1].b=value")
        return tree
    if key == "extends":
        findings.add(position, "", "a base cannot be set; write a recipe that extends it")
        return tree
    before = len(findings.problems)
    value = parse(source, lambda _: position, findings) or Node(None, position)
    if len(findings.problems) > before:
        return tree
    steps: list[Step] = [int(index) if index else name for index, name in _STEP.findall(key)]
    return _replaced(tree, steps, "", value, findings)


def _replaced(node: Node, steps: list[Step], path: str, value: Node, findings: Findings) -> Node:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        return _item_replaced(node, step, rest, path, value, findings)
    if not isinstance(node.value, dict):
        findings.add(value.position, "", f"{path} is {shown(node.value)}, not a map")
        return node
    child = node.value.get(step) or Node({}, value.position)
    new = _replaced(child, rest, join(path, step), value, findings)
    at = node.keys[step] if rest and step in node.keys else value.position
    return Node({**node.value, step: new}, node.position, {**node.keys, step: at})


def _item_replaced(node: Node, index: int, rest: list[Step], path: str, value: Node, findings: Findings) -> Node:
    if not isinstance(node.value, list):
        findings.add(value.position, "", f"{path} is {shown(node.value)}, not a list")
        return node
    if index >= len(node.value):
        findings.add(value.position, "", f"{path} has {len(node.value)} items, counted from 0")
        return node
    items = list(node.value)
    items[index] = _replaced(items[index], rest, join(path, index), value, findings)
    return Node(items, node.position)
