"""Runs that were really measured, and dossiers of them."""

from __future__ import annotations

import os

import pytest

from inference_bench.dossier.writing import write_dossier
from tests.null_runs import write_null_runs


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Return the folders of two runs of the null model."""
    root = write_null_runs(tmp_path_factory.mktemp("measured"), 2)
    return sorted(path.parent for path in root.glob("*/run.json"))


@pytest.fixture(scope="session")
def written(runs, tmp_path_factory):
    """Return the folder of a dossier; it is not to be changed."""
    target = tmp_path_factory.mktemp("dossiers") / "both"
    write_dossier(runs, target)
    return target


@pytest.fixture(autouse=True)
def _no_noise_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", os.fspath(tmp_path / "state"))
