"""One list of Pythons, one version and one address, wherever they are written."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
import yaml

from tests.release.test_light_core import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
WORKFLOWS = ROOT / ".github" / "workflows"


def minor(text: str) -> int:
    """Return 11 of "3.11", "cp311-*" or "py311"."""
    found = re.search(r"3\.?(\d+)", text)
    assert found, text
    return int(found[1])


def classified() -> list[int]:
    prefix = "Programming Language :: Python :: 3."
    return [minor(each) for each in PROJECT["classifiers"] if each.startswith(prefix)]


def test_wheels_are_built_for_the_classified_pythons():
    assert [minor(each) for each in PYPROJECT["tool"]["cibuildwheel"]["build"]] == classified()


def test_the_matrix_tests_the_classified_pythons():
    matrix = yaml.safe_load((WORKFLOWS / "tests.yml").read_text())["jobs"]["tests"]["strategy"]["matrix"]

    assert [minor(each) for each in matrix["python"]] == classified()


def test_the_lowest_python_is_the_one_that_is_required_and_linted():
    lowest = min(classified())

    assert PROJECT["requires-python"] == f">=3.{lowest}"
    assert minor(PYPROJECT["tool"]["ruff"]["target-version"]) == lowest
    assert minor(PYPROJECT["tool"]["mypy"]["python_version"]) == lowest
    assert f"(3, {lowest})" in (ROOT / "Makefile").read_text()


def test_cmake_warns_of_the_first_python_that_is_not_tested():
    bounds = re.findall(
        r'VERSION_GREATER_EQUAL "3\.(\d+)"', (ROOT / "csrc" / "bindings" / "CMakeLists.txt").read_text()
    )

    assert [int(each) for each in bounds] == [max(classified()) + 1]


def test_the_citation_has_the_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]


def test_the_address_stands_in_one_file():
    address = PROJECT["urls"]["Homepage"].removeprefix("https://")
    found = subprocess.run(["git", "grep", "-l", address], cwd=ROOT, capture_output=True, text=True, check=False)

    assert all(
        url.startswith(PROJECT["urls"]["Homepage"]) for name, url in PROJECT["urls"].items() if name != "Documentation"
    )
    assert found.stdout.split() in ([], ["pyproject.toml"])  # none where this is no repository


@pytest.mark.parametrize(
    ("tag", "version", "heading", "told"),
    [
        ("v1.2.3", "1.2.3", "## 1.2.3", None),
        ("v1.2.4", "1.2.3", "## 1.2.3", "tag v1.2.4: expected v1.2.3"),
        ("1.2.3", "1.2.3", "## 1.2.3", "tag 1.2.3: expected v1.2.3"),
        ("v1.2.3", "1.2.3", "## 1.2.3 (unreleased)", "CHANGELOG.md: expected the heading"),
    ],
)
def test_a_tag_that_is_not_the_version_is_not_published(tmp_path, tag, version, heading, told):
    (tmp_path / ".github").mkdir()
    script = tmp_path / ".github" / "check_tag.py"
    script.write_text((ROOT / ".github" / "check_tag.py").read_text())
    (tmp_path / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n\n- a line\n")

    done = subprocess.run(["python3", script, tag], capture_output=True, text=True, check=False)

    assert done.returncode == (1 if told else 0)
    assert done.stderr.startswith(told or "") and done.stderr.count("\n") == bool(told)
