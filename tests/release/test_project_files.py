"""The files that no program of ours reads: they parse, and what they name exists."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.release.test_light_core import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FOREIGN = {"sudo", "pipx"}
"""Commands that GitHub's runners have."""


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for job in read(path)["jobs"].values():
            yield from ((path.name, step) for step in job.get("steps", [{"uses": job.get("uses")}]))


def commands() -> list[str]:
    return [
        command for _, step in steps() for line in step.get("run", "").splitlines() for command in line.split(" && ")
    ]


@pytest.mark.parametrize("path", [*sorted(GITHUB.rglob("*.yml")), ROOT / "CITATION.cff"], ids=lambda path: path.name)
def test_yaml_can_be_read(path):
    assert read(path)


@pytest.mark.parametrize("name", ["CMakePresets.json", ".devcontainer/devcontainer.json"])
def test_json_can_be_read(name):
    assert json.loads((ROOT / name).read_text())


@pytest.mark.parametrize("command", commands())
def test_a_command_of_a_workflow_exists(command):
    program, *words = command.split()
    if program == "make":
        assert re.search(rf"^{words[0]}: .*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif program == "python3":
        assert (ROOT / words[0]).is_file()
    else:
        assert program in FOREIGN


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_by_default_and_knows_no_secret(path):
    assert read(path)["permissions"] == {"contents": "read"}
    assert "secrets." not in path.read_text()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_checkout_leaves_its_credentials(path):
    checkouts = [step for name, step in steps() if name == path.name and "actions/checkout" in step.get("uses", "")]

    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("used", sorted({step["uses"] for _, step in steps() if "uses" in step}))
def test_an_action_has_a_version_or_is_a_file_of_ours(used):
    if used.startswith("./"):
        assert (ROOT / used).is_file() or (ROOT / used / "action.yml").is_file()
    else:
        assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+(\.\d+)?|release/v\d+|[0-9a-f]{40})", used)


def test_our_own_action_is_given_inputs_that_it_has():
    known = read(ROOT / "action.yml")["inputs"]
    given = [step["with"] for _, step in steps() if step.get("uses") == "./"]

    assert given and all(each.keys() <= known.keys() for each in given)


@pytest.mark.parametrize("name", ["bug.yml", "idea.yml"])
def test_an_issue_form_asks_for_the_environment(name):
    assert "python -m inference_bench env --json" in (GITHUB / "ISSUE_TEMPLATE" / name).read_text()


@pytest.mark.skipif(shutil.which("cmake") is None, reason="no CMake")
def test_the_sanitizers_use_presets_that_exist():
    presets = {each["name"] for each in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]}
    used = re.findall(r'^    build "\$dir" (\w+)$', (ROOT / "tests/native/sanitize.sh").read_text(), re.MULTILINE)

    assert used == ["asan", "tsan"] and set(used) <= presets
