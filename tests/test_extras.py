"""Packages that may be missing: the hints agree with ``pyproject.toml`` and with what the package imports."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from inference_bench.errors import MissingPackageError, UsageError
from inference_bench.extras import CORE, EXTRAS, install_advice, install_hint, needed_by, require
from tests.layers import PACKAGE, files

PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
FOUND_ANYWHERE = {"inference_bench", "pytest", "__future__"}


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that can run: not what stands under ``TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from running(child)


def third_party(path: Path) -> set[str]:
    """Return the packages of others that a file imports, at its top or in a function."""
    names = set()
    for node in running(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - FOUND_ANYWHERE


def test_the_core_is_what_pyproject_says():
    assert sorted(CORE) == sorted(PROJECT["dependencies"])


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_what_pyproject_says(extra):
    declared = PROJECT["optional-dependencies"][extra]

    assert list(EXTRAS[extra]) == [each for each in declared if not each.startswith("inference-bench")]


@pytest.mark.parametrize("module", sorted({name for path in files().values() for name in third_party(path)}))
def test_a_hint_exists_for_every_import(module):
    assert install_hint(module).startswith("pip install ")


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("duckdb", "pip install 'duckdb>=1.1'"),
        ("pynvml", "pip install 'nvidia-ml-py>=12'"),
        ("grpc", "pip install 'grpcio>=1.60'"),
        ("otlp", "pip install 'opentelemetry-sdk>=1.27' 'opentelemetry-exporter-otlp-proto-http>=1.27'"),
    ],
)
def test_a_hint_is_a_command_for_a_shell(name, command):
    assert install_hint(name) == command


def test_an_unknown_name_has_no_hint():
    with pytest.raises(KeyError):
        install_hint("no_such_package")


def test_an_import_that_fails_names_what_needs_it_and_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(MissingPackageError) as raised, needed_by("query"):
        import duckdb  # noqa: F401

    assert str(raised.value) == "query needs duckdb, which is not installed: pip install 'duckdb>=1.1'"
    assert raised.value.name == "duckdb"
    assert isinstance(raised.value, UsageError) and isinstance(raised.value, ImportError)


def test_a_foreign_module_that_is_missing_is_not_guessed_at():
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_module_anywhere'"), needed_by("a plugin"):
        import_module("no_such_module_anywhere")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ModuleNotFoundError("", name="pyarrow.parquet"), "pyarrow is not installed: pip install 'pyarrow>=21'"),
        (ModuleNotFoundError("", name="no_such_module_anywhere"), ""),
        (ModuleNotFoundError("", name=None), ""),
        (ImportError("", name="torch"), ""),
        (
            ModuleNotFoundError("", name="inference_bench._native"),
            f"inference_bench._native is not installed for Python {HERE}: pip install .",
        ),
    ],
)
def test_advice_on_an_error(error, advice):
    assert install_advice(error) == advice


def test_a_requirement_is_checked_without_an_import(monkeypatch):
    monkeypatch.delitem(sys.modules, "wave", raising=False)

    require("this", ["json", "wave"])

    assert "wave" not in sys.modules


def test_a_requirement_that_is_missing(monkeypatch):
    monkeypatch.setattr("inference_bench.extras._EXTRA_OF", {"torch_of_a_test": "models"})

    with pytest.raises(
        MissingPackageError, match=r"^model m needs torch_of_a_test, which is not installed: pip install"
    ):
        require("model m", ["torch_of_a_test"])


@pytest.mark.parametrize("name", ["no_such_module_anywhere", "no_such_module_anywhere.inside"])
def test_a_module_that_only_a_plugin_knows_is_refused_with_what_its_author_can_do(name):
    with pytest.raises(MissingPackageError, match=f"model mine needs {name}, which is not installed: .*`install`"):
        require("model mine", (name,))
    with pytest.raises(MissingPackageError, match="not installed: pip install 'mine>=2'"):
        require("model mine", (name,), ("mine>=2",))
