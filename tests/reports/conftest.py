"""What the tests of all reports share: a width, and each format for people in turn."""

from __future__ import annotations

import pytest

PEOPLE = ("console", "markdown")


@pytest.fixture(autouse=True)
def _width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(params=PEOPLE)
def name(request):
    return request.param
