"""What MkDocs is told beyond ``mkdocs.yml``: the address of the repository, and README.md as a page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parent.parent
OVERVIEW = "overview.md"
BRANCH = "main"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the addresses from ``[project.urls]``, their only place."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    config.repo_url = urls["Source"]
    config.repo_name = urls["Source"].rpartition("/")[2]
    config.site_url = urls["Documentation"]
    config.edit_uri = f"edit/{BRANCH}/docs/"
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README.md, with the links of a page in this folder."""
    from mkdocs.structure.files import File

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, OVERVIEW, content=overview(readme, str(config.repo_url))))
    return files


def overview(readme: str, repository: str) -> str:
    """Return README.md as a page: what is in ``docs/`` is beside it, the rest is in the repository."""
    beside = re.sub(r"\]\((?:https://[^)]*/)?docs/", "](", readme)
    text = re.sub(r"\]\(([A-Z]+\.md)\)", rf"]({repository}/blob/{BRANCH}/\1)", beside)
    return text.replace("# inference_bench", "# Overview", 1)
