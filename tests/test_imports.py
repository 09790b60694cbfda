"""What importing costs: the package alone and the parent's commands load no framework."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import inference_bench

ROOT = Path(__file__).parent.parent
FRAMEWORKS = {"torch", "transformers", "tokenizers", "safetensors", "huggingface_hub"}
HEAVY = {*FRAMEWORKS, "numpy", "scipy", "pyarrow", "pandas", "pynvml", "rich"}


def modules_after(code: str, cwd: Path = ROOT) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after running the code."""
    script = f"import sys\n{code}\nprint('modules:', *{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=cwd)
    return set(done.stdout.rpartition("modules:")[2].split())


def command(*words: str) -> str:
    return f"from inference_bench.cli import main\nassert main({list(words)!r}) == 0"


def test_importing_the_package_imports_nothing_heavy():
    loaded = modules_after("import inference_bench")

    assert loaded & HEAVY == set()
    assert loaded & {"argparse", "asyncio", "dataclasses", "importlib.metadata", "json"} == set()


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("run", "--help"), ("env",)], ids=" ".join)
def test_light_commands_import_nothing_heavy(words):
    code = f"try:\n    from inference_bench.cli import main\n    main({list(words)!r})\nexcept SystemExit:\n    pass"

    assert modules_after(code) & (HEAVY - {"pynvml"}) == set()


@pytest.mark.parametrize(
    "words",
    [("list",), ("list", "--json"), ("list", "models"), ("list", "benchmarks"), ("run", "--dry-run")],
    ids=" ".join,
)
def test_the_parent_never_imports_a_framework(words):
    assert modules_after(command(*words)) & {*FRAMEWORKS, "pyarrow", "pandas"} == set()


def test_statistics_do_without_the_distributions_of_scipy():
    """``scipy.stats`` takes half a second, in each process that summarises; ``scipy.special`` has what is needed."""
    modules_after(
        "import importlib, pkgutil\nimport inference_bench.analysis as analysis\n"
        "for each in pkgutil.walk_packages(analysis.__path__, 'inference_bench.analysis.'):\n"
        "    importlib.import_module(each.name)\n"
        "assert 'scipy.special' in sys.modules and 'scipy.stats' not in sys.modules"
    )


MAIN = {
    *("_columns", "_command", "_help", "_main", "_option_sources", "_parser", "_settings", "_streams", "_summaries"),
}
"""Modules of ``cli`` that every command imports."""
LISTED = {
    "": {
        "_native",
        "demands",
        "errors",
        "extras",
        "facts",
        "metrics",
        "moved",
        "plugins",
        "slo",
        "spec",
        "text",
        "units",
    },
    "model": {"discovery", "interfaces", "load_steps", "model", "places", "prompts", "special_tokens", "text_tokens"},
    "model.weights": {"conversion", "files", "identity", "references"},
    "reports": {"_report", "chrome_trace", "console", "csv", "github", "html", "json", "markdown"},
    "results": {"atomic_file", "rows_sink", "sink", "tracker"},
    "results.sinks": {"csv", "json", "mlflow", "parquet", "storage", "summaries", "wandb"},
    "cli": {*MAIN, "_outputs", "list"},
}
"""Package → modules that ``list`` imports of it; of those that are not named it may import what it needs."""
FREE = ("benchmark", "benchmarks", "machine", "model.engine")
"""Packages whose modules describe themselves: ``list`` imports what they import."""


def own_modules_after(words: tuple[str, ...]) -> set[str]:
    """Return the modules of this package that a command imports, without the package's name."""
    code = f"import sys\nfrom inference_bench.cli import main\nassert main({list(words)!r}) == 0"
    script = f"{code}\nprint('modules:', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    names = done.stdout.rpartition("modules:")[2].split()
    own = {name.removeprefix("inference_bench.") for name in names if name.startswith("inference_bench.")}
    return {name for name in own if not name.startswith("_plugins")}


def test_help_imports_the_command_line_and_nothing_behind_it():
    allowed = {"cli", *(f"cli.{name}" for name in MAIN), "errors", "extras", "moved", "plugins", "text"}
    assert own_modules_after(("--help",)) - allowed <= {"results", "results.atomic_file"}


def test_list_imports_what_describes_plugins_and_nothing_that_measures_reads_or_draws():
    found = {name for name in own_modules_after(("list",)) if not name.startswith(FREE)}
    allowed = {f"{package}.{name}".removeprefix(".") for package, names in LISTED.items() for name in names}
    assert found - allowed - set(LISTED) == set()


@pytest.mark.parametrize("words", [("--help",), ("list",)], ids=" ".join)
def test_what_only_lists_starts_no_loop_and_no_process(words):
    assert modules_after(command(*words)) & {"asyncio", "subprocess", "ssl", "uuid", *HEAVY} == set()


@pytest.mark.parametrize("name", ["new", "verify", "migrate"])
def test_the_help_of_a_command_for_authors_imports_no_scaffold(name):
    assert not {each for each in own_modules_after((name, "--help")) if each.startswith("scaffold.")} - {
        "scaffold.kinds"
    }


def test_only_the_command_that_was_asked_for_is_imported():
    code = "\n".join(
        [
            command("list", "suites"),
            "found = {n.rpartition('.')[2] for n in sys.modules if n.startswith('inference_bench.cli.')}",
            "assert not found & {'run', 'report', 'env'}, found",
        ]
    )

    modules_after(code)


def test_the_native_module_is_found_from_the_repository_and_from_elsewhere(tmp_path):
    for folder in (ROOT, tmp_path):
        assert "inference_bench" in modules_after("from inference_bench._native import now_ns; now_ns()", folder)


def test_all_is_what_can_be_imported_lazily():
    assert sorted(inference_bench.__all__) == sorted(inference_bench._HOMES)
    for name in {*inference_bench.__all__} - {"time"}:
        assert getattr(inference_bench, name).__name__.rpartition(".")[2] == name
    assert inference_bench.time is inference_bench.timing.timer.time


@pytest.mark.parametrize("first", ["", "import inference_bench.benchmark.function as f", "import inference_bench.plan"])
def test_the_decorator_and_its_package_share_a_name(first):
    code = f"{first}\nfrom inference_bench import benchmark\nassert benchmark(print_it := lambda: 3) is print_it"

    assert "inference_bench" in modules_after(f"{code}\nfrom inference_bench.benchmark.measurement import Measurement")


def test_all_is_what_type_checkers_see():
    tree = ast.parse(Path(inference_bench.__file__).read_text())
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {
        alias.name: node.module.removeprefix("inference_bench.")
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert seen == inference_bench._HOMES


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        inference_bench.nothing  # noqa: B018


def test_dir_shows_what_there_is():
    assert {*inference_bench.__all__, "__version__"} <= set(dir(inference_bench))


def test_the_version_is_the_installed_one():
    from importlib.metadata import version

    assert inference_bench.__version__ == version("inference-bench")
