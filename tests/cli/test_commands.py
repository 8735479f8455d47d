from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from percept.cli import cli
from percept.registry import registry

from tests.recipes import SMALL, percept, write


def test_help_names_every_command() -> None:
    done = percept("--help")
    assert done.returncode == 0
    for command in ("recipe", "plugins", "assess", "cube", "completion"):
        assert f"\n  {command}" in done.stdout


def test_version() -> None:
    assert percept("--version").stdout.startswith("percept, version 0.")


def test_plugins_list_as_json_and_table() -> None:
    listed = json.loads(percept("plugins", "list", "--json").stdout)
    offered = {c["name"] for plugin in listed for c in plugin["components"]}
    assert {"edsr", "patch", "vanilla", "l1", "ssim", "niqe", "photos", "bicubic"} <= offered
    table = percept("plugins", "list", "--kind", "discriminator").stdout.splitlines()
    assert table[0].split() == ["kind", "name", "summary", "plugin"]
    assert [line.split()[1] for line in table[1:]] == ["patch", "pixel", "timm-patch", "timm-vanilla", "vanilla"]


def test_timings_are_slowest_first() -> None:
    lines = percept("plugins", "list", "--timings").stdout.splitlines()[1:]
    times = [float(line.split()[1]) for line in lines]
    assert times == sorted(times, reverse=True)
    assert len(times) == len(registry().plugins)


def test_blocked_plugins_are_named() -> None:
    code = "from percept.cli import main; main()"
    environment = {**os.environ, "PERCEPT_DISABLE_PLUGINS": "percept-niqe,edsr"}
    done = subprocess.run(
        [sys.executable, "-c", code, "plugins", "list"], capture_output=True, text=True, env=environment, check=True
    )
    assert "percept-niqe (percept_niqe) blocked: by PERCEPT_DISABLE_PLUGINS" in done.stderr
    assert "percept-edsr (percept_edsr) blocked: by PERCEPT_DISABLE_PLUGINS" in done.stderr
    assert "niqe" not in done.stdout


def test_info_prints_formula_source_and_variant() -> None:
    done = percept("plugins", "info", "gmsd", "--kind", "assessor")
    for key in ("formula:", "cites: doi:", "variant:", "direction: lower", "parameters:"):
        assert f"\n  {key}" in done.stdout
    described = json.loads(percept("plugins", "info", "gmsd", "--json").stdout)
    assert {d["kind"] for d in described} == {"assessor", "fidelity_loss"}


def test_check_runs_the_conformance_suite() -> None:
    done = percept("plugins", "check", "psnr", "--json")
    rows = json.loads(done.stdout)
    assert done.returncode == 0
    assert len(rows) > 10
    assert {row["status"] for row in rows} == {"ok"}


def test_check_takes_parameters(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("a", "b"):
        Image.new("RGB", (40, 30), (200, 30, len(name))).save(tmp_path / f"{name}.png")
    assert percept("plugins", "check", "folder", f"path={tmp_path}").returncode == 0
    assert percept("plugins", "check", "folder").returncode == 1


def test_show_prints_cells_that_load_again(tmp_path: Path) -> None:
    recipe = write(tmp_path, SMALL)
    shown = percept("recipe", "show", recipe, "--cell", "1").stdout
    again = json.loads(percept("recipe", "show", write(tmp_path, shown, "shown.yaml"), "--json").stdout)
    assert len(again) == 1
    assert again[0]["optimize"]["adversarial"]["discriminator"]["use"] == "patch"


def test_plan_tells_what_is_left(tmp_path: Path) -> None:
    recipe, store = write(tmp_path, SMALL), str(tmp_path / "store")
    done = percept("recipe", "plan", recipe, "--store", store, "--json")
    rows = json.loads(done.stdout)
    assert [row["state"] for row in rows] == ["new"] * 4
    assert all(row["seconds"] > 0 for row in rows)
    assert "4 cells, 4 to do, about" in done.stderr
    quick = percept("recipe", "plan", recipe, "--store", store, "--no-timing")
    assert quick.stdout.splitlines()[0].split()[:2] == ["perceptual", "discriminator"]
    assert not Path(store).exists()


def test_schema_says_which_stages_are_refused() -> None:
    properties = json.loads(percept("recipe", "schema").stdout)["properties"]
    refused = [name for name, field in properties.items() if "refused" in field.get("description", "")]
    assert refused == ["fit", "benchmark"]


def test_schema_knows_the_installed_components() -> None:
    text = percept("recipe", "schema").stdout
    assert json.loads(text)["$schema"].startswith("https://json-schema.org/")
    assert '"edsr"' in text


def test_completion_script_and_names() -> None:
    assert "_PERCEPT_COMPLETE" in percept("completion", "bash").stdout
    runner = CliRunner()
    environment = {"_PERCEPT_COMPLETE": "bash_complete", "COMP_WORDS": "percept plugins info ms-", "COMP_CWORD": "3"}
    code = "from percept.cli import cli; cli(prog_name='percept')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert "plain,ms-ssim" in done.stdout.splitlines()
    assert runner.invoke(cli, ["recipe", "list", "--json"]).exit_code == 0


def test_debug_shows_the_traceback() -> None:
    done = percept("--debug", "plugins", "info", "nothing-like-it")
    assert "Traceback" in done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize("words", [(), ("recipe",), ("cube",)])
def test_without_a_command_help_is_printed_as_it_is(words: tuple[str, ...]) -> None:
    done = percept(*words)
    assert done.returncode == 2
    assert done.stderr == percept(*words, "--help").stdout.rstrip() + "\n"


def test_labels_with_commas_are_one_label() -> None:
    from percept.cli.output import split_names

    labels = ["ssim", "psnr(crop-border=4, 8-bit)", "clip(sizes=[1, 2], path=a (1), b)", "niqe"]
    assert split_names(" ,".join(labels)) == labels
    assert split_names("") == split_names(" , ") == []


def test_recipes_are_listed_with_what_they_say_of_themselves() -> None:
    listed = percept("recipe", "list").stdout.splitlines()
    words = ["baseline", "bicubic", "enlargement,", "nothing", "trained"]
    assert any(line.split() == words for line in listed)
    shipped = json.loads(percept("recipe", "list", "--json").stdout)
    assert [recipe for recipe in shipped if not recipe["summary"] or not Path(recipe["file"]).is_file()] == []


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_cube_commands_on_a_real_store(suffix: str, tmp_path: Path) -> None:
    store, out = str(tmp_path / "store"), tmp_path / f"scores.{suffix}"
    assert percept("recipe", "run", "baseline", "--store", store, "--set", "assess.with=psnr").returncode == 0
    runs = json.loads(percept("cube", "ls", "--store", store, "--json").stdout)
    assert [(r["recipe"], r["generator"], r["status"]) for r in runs] == [("baseline", "bicubic", "ok")]
    table = percept("cube", "query", "generator=bicubic", "--store", store, "--by", "image").stdout.splitlines()
    assert len(table) == 3
    (header, listed) = percept("cube", "ls", "--store", store).stdout.splitlines()
    assert "reason" not in header.split()  # nothing failed, and no column stands empty
    assert len(listed.split()) == len(header.split())
    one = percept("cube", "query", f"run={listed.split()[0]}", "--store", store).stdout.splitlines()
    assert len(one) == 3
    assert percept("cube", "export", str(out), "--store", store).returncode == 0
    assert "photos/astronaut" in out.read_text().replace("\\/", "/")  # pandas escapes slashes in JSON
    done = percept("cube", "report", "--store", store, "--out", str(tmp_path / "r.html"))
    assert done.stdout.strip() == str(tmp_path / "r.html")
    assert "<html" in (tmp_path / "r.html").read_text()[:500]
    assert percept("cube", "compact", "--store", store).returncode == 0
    assert json.loads(percept("cube", "ls", "--store", store, "--json").stdout) == runs
