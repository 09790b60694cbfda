"""The documentation: every page is listed, every decision has one format, generated parts are current."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))
PAGES = [path for path in sorted(DOCS.glob("*.md")) if path.name != "index.md"]


def linked(page: Path) -> set[str]:
    return set(re.findall(r"\]\(([\w/.-]+\.md)\)", page.read_text()))


def test_the_index_lists_every_page():
    assert linked(DOCS / "index.md") == {*(path.name for path in PAGES), "decisions/index.md"}


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
