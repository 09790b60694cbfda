"""Do `time CODE` and `time --command` agree with timeit, pyperf, pytest-benchmark and hyperfine on the same work?

The tools take turns, several rounds, each in processes of its own. Each figure is the median over rounds; the ratio is
to that of the standard tool, timeit or hyperfine. Tools that are not installed are left out. Exits with 1 if one of our
medians differs from the standard tool's by more than 5 %.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median

from inference_bench.units import NS_PER_S, format_ns

ROUNDS = 5
ALLOWED = 0.05
SETUP, SNIPPETS = "x = list(range(1000))", ("len(x)", "sum(x)", "sorted(x, key=str)")
COMMAND = f"{sys.executable} -S -c pass"

Tool = Callable[[Path], float]
"""Measures once, with files in a folder, and returns the tool's figure in nanoseconds."""


def output_of(*words: str) -> str:
    """Return what a command prints."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def ours(*words: str) -> float:
    """Return the median of our command."""
    found = json.loads(output_of(sys.executable, "-m", "inference_bench", "time", *words, "--json"))
    return float(found["results"][0]["median_ns"])


def snippet_tools(code: str) -> Iterator[tuple[str, Tool]]:
    """Yield the tools that time a snippet."""
    yield "timeit", lambda _: _timeit(code)
    yield "time CODE", lambda _: ours("-s", SETUP, code)
    if importlib.util.find_spec("pyperf"):
        yield "pyperf timeit", lambda folder: _pyperf(code, folder)
    if importlib.util.find_spec("pytest_benchmark"):
        yield "pytest-benchmark", lambda folder: _pytest_benchmark(code, folder)


def _timeit(code: str) -> float:
    """Return what timeit prints: the best of five repeats, garbage collector off."""
    words = output_of(sys.executable, "-m", "timeit", "-u", "nsec", "-s", SETUP, code).split()
    return float(words[words.index("nsec") - 1])


def _pyperf(code: str, folder: Path) -> float:
    file = folder / "pyperf.json"
    file.unlink(missing_ok=True)
    output_of(sys.executable, "-m", "pyperf", "timeit", "--fast", "-q", "-s", SETUP, code, "-o", str(file))
    import pyperf

    return float(pyperf.Benchmark.load(str(file)).median()) * NS_PER_S


def _pytest_benchmark(code: str, folder: Path) -> float:
    file = folder / "test_it.py"
    file.write_text(f"{SETUP}\n\ndef work():\n    {code}\n\ndef test_it(benchmark):\n    benchmark(work)\n")
    result = folder / "result.json"
    output_of(sys.executable, "-m", "pytest", "-q", str(file), f"--benchmark-json={result}", "-p", "no:cacheprovider")
    return float(json.loads(result.read_text())["benchmarks"][0]["stats"]["median"]) * NS_PER_S


def command_tools() -> Iterator[tuple[str, Tool]]:
    """Yield the tools that time a command, all without a shell."""
    if shutil.which("hyperfine"):
        yield "hyperfine -N", _hyperfine
    yield "time --command -N", lambda _: ours("-N", "--command", COMMAND, "--warmup", "3")


def _hyperfine(folder: Path) -> float:
    file = folder / "hyperfine.json"
    output_of("hyperfine", "-N", "--warmup", "3", "--style", "none", "--export-json", str(file), COMMAND)
    return float(json.loads(file.read_text())["results"][0]["median"]) * NS_PER_S


def medians(tools: Mapping[str, Tool], folder: Path) -> dict[str, float]:
    """Return the median of each tool over rounds in which they take turns."""
    found: dict[str, list[float]] = {name: [] for name in tools}
    for number in range(ROUNDS):
        for name in [*tools][:: 1 if number % 2 == 0 else -1]:
            found[name].append(tools[name](folder))
    return {name: median(values) for name, values in found.items()}


def main() -> int:
    """Print one table per work."""
    missed = False
    works = {code: dict(snippet_tools(code)) for code in SNIPPETS} | {COMMAND: dict(command_tools())}
    with tempfile.TemporaryDirectory() as folder:
        for work, tools in works.items():
            print(f"\n{work}")
            figures = medians(tools, Path(folder))
            standard = next(iter(figures.values()))
            for name, value in figures.items():
                print(f"  {name:<20} {format_ns(value):>10}  ×{value / standard:.3f}")
                missed |= name.startswith("time ") and abs(value / standard - 1) > ALLOWED
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
