"""The documentation: every page is listed, every decision has one format, generated parts are current."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from runpy import run_path

import pytest
import yaml

from inference_bench.cli._command import command_names, load_command
from inference_bench.cli._parser import Parser

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))
COMMANDS = set(command_names())
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
site = run_path(str(DOCS / "site.py"))
PAGES = [path for path in sorted(DOCS.glob("*.md")) if path.name != "index.md"]


def linked(page: Path) -> set[str]:
    return set(re.findall(r"\]\(([\w/.-]+\.md)\)", page.read_text()))


def in_navigation(entries):
    """Yield the pages of the site's navigation, in its order."""
    for entry in entries:
        (within,) = entry.values() if isinstance(entry, dict) else [entry]
        yield from [within] if isinstance(within, str) else in_navigation(within)


def test_the_navigation_has_every_page_once():
    named = list(in_navigation(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))

    assert sorted(named) == sorted([*(path.name for path in DOCS.glob("*.md")), "decisions/index.md", site["OVERVIEW"]])


def test_the_readme_is_a_page_whose_links_are_beside_it():
    page = site["overview"]((ROOT / "README.md").read_text(), URLS["Source"])

    assert "](docs/" not in page
    assert f"]({URLS['Source']}/blob/main/CONTRIBUTING.md)" in page
    assert [link for link in re.findall(r"\]\(((?!https?:)[^)#]+)", page) if not (DOCS / link).exists()] == []


def test_pictures_of_the_readme_are_in_the_repository_that_the_project_names():
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    home = URLS["Source"].replace("https://github.com/", "https://raw.githubusercontent.com/") + "/main/"

    assert pictures
    assert [url for url in pictures if not (url.startswith(home) and (ROOT / url.removeprefix(home)).exists())] == []


def calls(page):
    """Yield (command, words) of each call of a command in the running text and the tables."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose):
        code = re.sub(r"'[^']*'", "'…'", code)  # another program's options
        words = code.removeprefix("python -m inference_bench ").split()
        if words[0] in COMMANDS and len(words) > 1:
            yield words[0], code


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda path: path.name)
def test_options_in_the_text_are_options_of_their_command(page):
    unknown = [
        code
        for command, code in calls(page)
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]+", code)
        if option not in Parser(load_command(command)).option_names
    ]

    assert unknown == []


def test_options_of_the_fixture_in_the_text_are_its_own():
    known = set(re.findall(r"--ib-[a-z]+", (DOCS / "pytest.md").read_text()))

    assert set(re.findall(r"--ib-[a-z]+", (DOCS / "coming-from.md").read_text())) <= known


def test_the_list_of_decisions_is_complete():
    assert linked(DOCS / "decisions" / "index.md") == {path.name for path in DECISIONS}


def test_each_decision_has_a_number_of_its_own():
    numbers = [path.name[:5] for path in DECISIONS]

    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_decisions_have_one_format(path):
    text = path.read_text()
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    number = int(path.name[:4])

    assert path.name.startswith(f"{number:04d}-")
    assert text.startswith(f"# {number}. ")
    assert headings[:2] == ["Context", "Choice"]
    assert set(headings[2:]) <= {"Cost", "Not chosen", "Measured"}


@pytest.mark.parametrize("page", [*PAGES, *DECISIONS, ROOT / "README.md"], ids=lambda path: path.name)
def test_links_to_pages_lead_somewhere(page):
    links = re.findall(r"\]\(((?!https?:)[^)#]+)(?:#[^)]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_architecture_page_is_current():
    done = subprocess.run(
        [sys.executable, "docs/architecture.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_metrics_and_columns_in_the_pages_are_the_declared_ones() -> None:
    pages = run_path(str(ROOT / "docs" / "tables.py"))["pages"]

    for path, text in pages():
        assert path.read_text() == text, f"{path.name}: run `python docs/tables.py`"


def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
    pytest.importorskip("mkdocstrings", reason="the extra `docs` is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr.strip()) == (0, "")
    api = (tmp_path / "site" / "api" / "index.html").read_text()
    assert "run_standardized_benchmarks" in api
    assert "inference_bench.model.model.Model.load" in api
