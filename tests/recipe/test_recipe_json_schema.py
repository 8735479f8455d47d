from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from percept.recipe import json_schema

COMPONENTS = {
    "generator": ["edsr"],
    "discriminator": ["patch"],
    "fidelity_loss": ["l1", "ssim"],
    "assessor": ["psnr"],
    "dataset": ["photos"],
    "degradation": ["bicubic"],
}
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def is_type(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def fits(value: Any, schema: Any, root: Any) -> bool:
    """The part of JSON Schema that ours use; a word outside of it fails the test."""
    words: dict[str, Any] = {
        "$ref": lambda ref: fits(value, root["$defs"][ref.removeprefix("#/$defs/")], root),
        "anyOf": lambda options: any(fits(value, option, root) for option in options),
        "type": lambda names: any(is_type(value, n) for n in ([names] if isinstance(names, str) else names)),
        "enum": lambda choices: value in choices,
        "const": lambda constant: value == constant,
        "minimum": lambda least: value >= least,
        "maximum": lambda most: value <= most,
        "minLength": lambda least: len(value) >= least,
        "minItems": lambda least: len(value) >= least,
        "minProperties": lambda least: len(value) >= least,
        "pattern": lambda pattern: re.search(pattern, value) is not None,
        "required": lambda keys: all(key in value for key in keys),
        "items": lambda item: all(fits(v, item, root) for v in value),
        "properties": lambda known: all(fits(v, known[k], root) for k, v in value.items() if k in known),
        "additionalProperties": lambda rest: all(
            rest is not False and fits(v, rest, root) for k, v in value.items() if k not in schema.get("properties", {})
        ),
    }
    silent = {"description", "default", "title", "$schema", "$defs"}
    order = ["type", *(word for word in schema if word != "type")]
    return all(words[word](schema[word]) for word in order if word in schema and word not in silent)


VALID = """
percept: 1
data: {train: photos, degrade: [{use: bicubic, scale: 2}]}
generator: {use: edsr, channels: 3, init: a.safetensors}
optimize:
  steps: ${matrix.steps}
  fidelity: [l1, none, {use: "${matrix.loss}", weight: 2}, {use: "lab:ssim"}]
  optimizer: sgd
  adversarial: {discriminator: none}
assess: {with: ["${matrix.loss}", psnr]}
matrix: {steps: [1, 2], loss: [l1, {use: ssim}], exclude: [{steps: 1}]}
"""


@pytest.fixture
def schema(stages: Any) -> dict[str, Any]:
    return json_schema(COMPONENTS, stages)


def test_it_is_json_and_takes_a_recipe(schema: dict[str, Any]) -> None:
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert fits(yaml.safe_load(VALID), schema, schema)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("percept: 1", "percept: 2"),
        ("steps: $", "stps: $"),
        ("${matrix.steps}", "soon"),
        ("use: edsr", "use: esdr"),
        ("weight: 2", "weight: heavy"),
        ("optimizer: sgd", "optimizer: sdg"),
        ("psnr]", "pnsr]"),
        ("optimize:", "optimise:"),
        ("{steps: [1, 2]", "{steps: []"),
        ("init: a.safetensors", "init: {part: ema}"),
        ("degrade: [", "degrade: [3, "),
    ],
)
def test_it_refuses_mistakes(schema: dict[str, Any], right: str, wrong: str) -> None:
    assert right in VALID
    assert not fits(yaml.safe_load(VALID.replace(right, wrong)), schema, schema)


def test_it_describes_and_offers(schema: dict[str, Any]) -> None:
    optimize = schema["properties"]["optimize"]
    assert optimize["description"] == "train the generator"
    assert optimize["anyOf"][0]["properties"]["steps"]["description"] == "updates of the generator"
    assert optimize["anyOf"][0]["properties"]["batch"]["default"] == 16
    assert '"enum": ["l1", "ssim", "none"]' in json.dumps(schema)
