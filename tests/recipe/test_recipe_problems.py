"""All mistakes of a recipe at once, each with its place, to the letter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from percept.errors import RecipeError
from percept.recipe import load

if TYPE_CHECKING:
    from pathlib import Path

Problems = Callable[..., str]

TAKES = {"l1": (), "ssim": ("window",), "edsr": ("channels", "crop_border"), "patch": (), "psnr": ("crop_border",)}


def check(kind: str, name: str, parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Stands in for the registry."""
    if name not in TAKES:
        return [("use", f"unknown {kind} '{name}'")]
    return [(p, "unknown parameter; it takes none") for p in parameters if p not in TAKES[name]]


def expect(text: str, expected: str) -> None:
    assert text == dedent(expected).lstrip("\n")


def test_all_mistakes_are_reported_in_one_go(problems: Problems) -> None:
    found = problems(
        """
        percept: 1
        generator: {use: edsr, chanels: 32}
        optimize:
          steps: 300.0
          fidelity:
            - {use: l1}
            - {use: ssim, wieght: 0.2}
            - {use: ssmi, weight: -1}
          optimizer: {use: adem, lr: fast}
          adversarial: {discriminator: patch, starts_at: 10}
        assess: {width: [psnr]}
        runtime: {device: gpu, deterministic: yes}
        sed: 3
        """,
        check_component=check,
    )
    expect(
        found,
        """
        recipe.yaml:2:24: generator.chanels: unknown parameter; it takes none
        recipe.yaml:4:10: optimize.steps: expects an integer, not 300.0: write 300
        recipe.yaml:7:19: optimize.fidelity[1].wieght: unknown key, did you mean weight?
        recipe.yaml:8:13: optimize.fidelity[2].use: unknown fidelity_loss 'ssmi'
        recipe.yaml:8:27: optimize.fidelity[2].weight: must be at least 0, not -1
        recipe.yaml:9:20: optimize.optimizer.use: unknown value 'adem', did you mean adam?
        recipe.yaml:9:30: optimize.optimizer.lr: expects a number, not 'fast'
        recipe.yaml:10:39: optimize.adversarial.starts_at: unknown key, did you mean starts-at?
        recipe.yaml:11:9: assess.with: is required
        recipe.yaml:11:10: assess.width: unknown key, did you mean with?
        recipe.yaml:12:19: runtime.device: expects auto, cpu, cuda or cuda:N, not 'gpu'
        recipe.yaml:12:39: runtime.deterministic: expects true or false, not 'yes'
        recipe.yaml:13:1: sed: unknown key, did you mean seed?
        """,
    )


def test_types(problems: Problems) -> None:
    found = problems(
        """
        percept: 1
        name: My Recipe
        summary: 4
        generator: 7
        data: [photos]
        optimize:
          steps: 0
          batch: 1000
          fidelity: []
          optimizer: {betas: [0.9]}
          augment: 1
          adversarial: {discriminator: {use: [patch]}, objective: null}
        assess:
          with: psnr
        seed: true
        runtime: {threads: -1}
        """
    )
    expect(
        found,
        """
        recipe.yaml:2:7: name: expects lower case, digits and hyphens, not 'My Recipe'
        recipe.yaml:3:10: summary: expects text, not 4: put it in quotes
        recipe.yaml:4:12: generator: expects the name of a generator or a map with use: NAME, not 7
        recipe.yaml:5:7: data: expects a map, not a list
        recipe.yaml:7:10: optimize.steps: must be at least 1, not 0
        recipe.yaml:8:10: optimize.batch: must be at most 512, not 1000
        recipe.yaml:9:13: optimize.fidelity: needs at least 1 item
        recipe.yaml:10:22: optimize.optimizer.betas: needs at least 2 items
        recipe.yaml:11:12: optimize.augment: expects true or false, not 1
        recipe.yaml:12:38: optimize.adversarial.discriminator.use: expects a name, not a list
        recipe.yaml:12:59: optimize.adversarial.objective: expects vanilla or hinge, not nothing
        recipe.yaml:14:9: assess.with: expects a list, not 'psnr'
        recipe.yaml:15:7: seed: expects an integer, not true
        recipe.yaml:16:20: runtime.threads: must be at least 0, not -1
        """,
    )


def test_components(problems: Problems) -> None:
    found = problems(
        """
        percept: 1
        generator: none
        data: {degrade: [{scale: 2}, {uses: bicubic}]}
        assess:
          with:
            - {use: psnr, crop-border: 1, crop_border: 2}
            - {use: psnr, "crop border": 1}
        """
    )
    expect(
        found,
        """
        recipe.yaml:2:12: generator: a generator is needed here, not none
        recipe.yaml:3:18: data.degrade[0]: needs use: NAME, the name of its degradation
        recipe.yaml:3:31: data.degrade[1].uses: unknown key, did you mean use?
        recipe.yaml:6:35: assess.with[0].crop_border: is given twice: as crop-border, too
        recipe.yaml:7:19: assess.with[1].crop border: unknown key: a parameter's name has letters, digits and hyphens
        """,
    )


def test_init(problems: Problems) -> None:
    found = problems(
        """
        percept: 1
        generator: {use: edsr, init: {recipes: gan.yaml, part: disc, where: {seed: [0]}}}
        optimize:
          steps: 1
          adversarial: {discriminator: {use: patch, init: 3}}
        """
    )
    expect(
        found,
        """
        recipe.yaml:2:30: generator.init.recipe: is required
        recipe.yaml:2:31: generator.init.recipes: unknown key, did you mean recipe?
        recipe.yaml:2:56: generator.init.part: unknown value 'disc'; there are generator, ema, best, lora, discriminator or backbone
        recipe.yaml:2:76: generator.init.where.seed: expects a single value, not a list
        recipe.yaml:5:51: optimize.adversarial.discriminator.init: expects a path or a map, not 3
        """,
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "recipe.yaml:1:1: is empty"),
        ("# nothing\n", "recipe.yaml:1:1: is empty"),
        ("- a", "recipe.yaml:1:1: expects a map with keys such as data and generator, not a list"),
        ("quickstart", "recipe.yaml:1:1: expects a map with keys such as data and generator, not 'quickstart'"),
        ("generator: edsr\nassess: {with: []}", "recipe.yaml:1:1: percept: is required"),
        (
            "percept: 2\ngenerator: edsr\nassess: {with: []}",
            "recipe.yaml:1:10: percept: this is a recipe of format 2, and this percept reads format 1",
        ),
        ("percept: 1\nassess: {with: []}", "recipe.yaml:1:1: generator: is required"),
        ("percept: 1\ngenerator: edsr", "recipe.yaml:1:1: there is nothing to do; give it optimize or assess"),
        ("percept: 1\ngenerator: edsr\nassess:", "recipe.yaml:1:1: there is nothing to do; give it optimize or assess"),
    ],
)
def test_recipes_that_are_none(problems: Problems, text: str, problem: str) -> None:
    assert problems(text) == problem + "\n"


def test_the_same_mistake_in_several_cells_is_one(problems: Problems) -> None:
    found = problems(
        """
        percept: 1
        generator: {use: edsr, chanels: 1}
        assess: {with: ["${matrix.with}"]}
        matrix:
          with: [psnr, pnsr]
          seed: [0, 1, 2]
        """,
        check_component=check,
    )
    expect(
        found,
        """
        recipe.yaml:2:24: generator.chanels: unknown parameter; it takes none
        recipe.yaml:5:16: assess.with[0]: unknown assessor 'pnsr'
        """,
    )


def test_each_component_is_checked_once(load_text: Callable[..., Any]) -> None:
    asked: list[tuple[str, str, Any]] = []

    def note(kind: str, name: str, parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
        asked.append((kind, name, dict(parameters)))
        return []

    text = """
        percept: 1
        generator: {use: edsr, crop-border: 2}
        optimize: {steps: 1}
        assess: {with: [psnr, {use: psnr}, ssim]}
        matrix: {seed: [0, 1, 2]}
        """
    load_text(text, check_component=note)
    assert asked == [
        ("generator", "edsr", {"crop_border": 2}),
        ("fidelity_loss", "l1", {}),
        ("assessor", "psnr", {}),
        ("assessor", "ssim", {}),
    ]


def test_a_missing_parameter_is_reported_beside_use(problems: Problems) -> None:
    found = problems(
        "percept: 1\ngenerator: {use: edsr}\nassess: {with: [psnr]}",
        check_component=lambda kind, name, parameters: [("scale", "is required")] if kind == "generator" else [],
    )
    assert found == "recipe.yaml:2:18: generator.scale: is required\n"


def test_a_component_in_a_default_is_checked(problems: Problems) -> None:
    found = problems(
        "percept: 1\ngenerator: edsr\noptimize: {steps: 1}",
        check_component=lambda kind, name, parameters: [("use", "broken")] if name == "l1" else [],
    )
    assert found == "recipe.yaml:3:11: optimize.fidelity[0]: broken\n"


def test_a_problem_is_one_printable_line(problems: Problems) -> None:
    found = problems('percept: 1\ngenerator: edsr\nassess: {with: []}\n"a\\nb\\e": 1')
    assert (
        found
        == "recipe.yaml:4:1: a\\nb\\x1b: unknown key; there are percept, name, summary, extends, data, generator, "
        "optimize, assess, seed, runtime or matrix\n"
    )


def test_a_file_that_is_not_utf8(folder: Path) -> None:
    (folder / "recipe.yaml").write_bytes(b"percept: 1\nname: \xff\n")
    with pytest.raises(RecipeError) as caught:
        load("recipe.yaml", stages={})
    assert str(caught.value) == "recipe.yaml: is not UTF-8: byte 0xff in line 2"


def test_a_byte_order_mark_does_not_move_columns(folder: Path) -> None:
    (folder / "recipe.yaml").write_bytes(b"\xef\xbb\xbfpercpt: 1\ngenerator: a")
    with pytest.raises(RecipeError) as caught:
        load("recipe.yaml", stages={})
    assert caught.value.problems[1] == "recipe.yaml:1:1: percpt: unknown key, did you mean percept?"
