"""Is advice right? Kernels of known class, predictions held against measurements, and a search beside a full grid.

Each kernel (``bench/models/kernel``) is measured as ``run`` does it, at three sizes, and ``advise`` names its class: it
is right, it cannot tell, or it is wrong. ``--proofs`` proves experiments on the default model instead, and counts the
predictions that hold; ``--search`` compares the search with the full grid of the same set-ups. ``--write`` puts the
matrix into bench/README.md.

Run as ``python -m bench.advice``. Exits with 1 if a kernel is named wrongly.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from inference_bench import BenchmarkRunner, Limits, Setup
from inference_bench._native import now_ns
from inference_bench.analysis.advice import advise
from inference_bench.analysis.whole_times import TIMES, whole_times
from inference_bench.ceilings import Ceilings
from inference_bench.machine.cpus import available_cpus
from inference_bench.machine.environment import describe_environment
from inference_bench.orchestration.search_stages import resolved_setup
from inference_bench.results.ceilings_store import load_ceilings
from inference_bench.results.comparison_sides import observe
from inference_bench.results.run import Run, load_run
from inference_bench.units import NS_PER_S

ROOT = Path(__file__).parent
CANNOT_TELL, WRONG = "cannot tell", "wrong"
LIMITS = Limits(min_samples=20, warmup_iterations=1, relative_width=0.002, budget_ns=2 * NS_PER_S)
GRID = {"threads": "1,2", "dtype": "float32,bfloat16,float16,int8_dynamic", "attention": "auto,eager,sdpa"}
Chosen = tuple[str, ...]
"""A set-up by its values of the axes of ``GRID``."""
_GROUPS = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))
_BEGIN, _END = "<!-- advice: begin -->", "<!-- advice: end -->"


@dataclass(frozen=True)
class Known:
    """A kernel and what it is.

    Attributes:
        kernel: value of ``KERNEL``.
        sizes: values of ``KERNEL_SIZE``.
        is_class: code of its class.
        also: codes of classes that it belongs to as well, which are not wrong.
        threads: of the set-up.
        spinners: processes that spin beside it, one number per size.
    """

    kernel: str
    sizes: tuple[int, ...]
    is_class: str
    also: frozenset[str] = frozenset()
    threads: int = 1
    spinners: tuple[int, ...] = (0, 0, 0)


CPUS = available_cpus()
KERNELS = (
    Known("reads", (64, 128, 256), "memory_bound"),
    Known("multiplies", (512, 1024, 1536), "compute_bound"),
    Known("tiny_operations", (500, 2000, 8000), "overhead_bound"),
    Known("sleeps", (1, 10, 50), "waiting"),
    Known("oversubscribes", (2, 4, 8), "oversubscribed"),
    Known("throttled", (25, 50, 75), "throttled", frozenset({"compute_bound"})),
    Known("churns", (8, 32, 128), "allocation_churn"),
    Known(
        "multiplies",
        (1024, 1024, 1024),
        "noisy_neighbour",
        frozenset({"compute_bound"}),
        threads=CPUS,
        spinners=(CPUS, 2 * CPUS, 4 * CPUS),
    ),
)


def main() -> int:
    """Carry out the part that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="CLASS", help="kernels of this class only, such as memory_bound")
    parser.add_argument("--proofs", action="store_true", help="prove experiments on the default model instead")
    parser.add_argument("--search", action="store_true", help="compare the search with a full grid instead")
    parser.add_argument("--write", action="store_true", help="write the matrix into bench/README.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if given.proofs:
            return prove(Path(temporary))
        if given.search:
            return compare_with_grid(Path(temporary))
        return name_kernels(Path(temporary), given.only, write=given.write)


def name_kernels(folder: Path, only: str | None, *, write: bool) -> int:
    """Name the class of each kernel, print the confusion matrix, and return 1 if one is wrong."""
    ceilings = _ceilings()
    found: dict[str, Counter[str]] = {}
    for known in KERNELS:
        if only not in (None, known.is_class):
            continue
        for size, spinners in zip(known.sizes, known.spinners, strict=True):
            names = name_kernel(known, size, spinners, folder, ceilings)
            found.setdefault(known.is_class, Counter()).update([_judged(known, names)])
            print(f"{known.is_class:18} size {size:5} {_judged(known, names):12} named: {names or 'none'}", flush=True)
    table = "\n".join(_matrix(found))
    print(f"\n{table}")
    if write:
        _write(table)
    return int(any(of[WRONG] for of in found.values()))


def _judged(known: Known, names: Mapping[str, str] | None) -> str:
    """Return whether the named classes are right, none, or wrong; a kernel that cannot be made is not shown."""
    if names is None:
        return "not shown"
    if names.keys() - known.also - {known.is_class}:
        return WRONG
    return "right" if known.is_class in names else CANNOT_TELL


def name_kernel(known: Known, size: int, spinners: int, folder: Path, ceilings: Ceilings) -> Mapping[str, str] | None:
    """Return the classes that a kernel is named by, with the evidence; None if it cannot be made here."""
    with _control_group(needed=known.kernel == "throttled") as group, _spinning(spinners):
        if group is None:
            return None
        os.environ.update(KERNEL=known.kernel, KERNEL_SIZE=f"{size}", KERNEL_CGROUP=f"{group}")
        runner = BenchmarkRunner(
            ["kernel"],
            benchmarks=["inference_speed"],
            setups=[Setup(threads=known.threads)],
            axes={"input_length": [1], "new_tokens": [8]},
            limits=LIMITS,
            output=folder,
            models_dirs=[ROOT / "models"],
        )
        run = runner.run().run
    (case,) = advise(run, ceilings).cases
    return {finding.code: finding.evidence for finding in case.named}


@contextmanager
def _control_group(*, needed: bool) -> Iterator[Path | None]:
    """Make a control group with a CPU quota of its own; None where that is not allowed."""
    parent = next((path for path in _GROUPS if (path / "cgroup.procs").exists()), None)
    if not needed or parent is None:
        yield None if needed else Path()
        return
    group = parent / f"inference_bench_{os.getpid()}"
    try:
        group.mkdir()
        has_quota = any((group / name).exists() for name in ("cpu.max", "cpu.cfs_quota_us"))
    except OSError:
        yield None
        return
    try:
        yield group if has_quota else None
    finally:
        group.rmdir()


@contextmanager
def _spinning(processes: int) -> Iterator[None]:
    """Keep CPUs busy by other processes."""
    command = [sys.executable, "-c", "while True: pass"]
    spinning = [subprocess.Popen(command, start_new_session=True) for _ in range(processes)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def _ceilings() -> Ceilings:
    """Return the ceilings of this machine, which are measured if they are unknown."""
    fingerprint = str(describe_environment()["fingerprint"])
    found = load_ceilings(fingerprint, "cpu")
    if found is None:
        _command("ceilings")
        found = load_ceilings(fingerprint, "cpu")
    if found is None:
        raise SystemExit("the ceilings of this machine are unknown, expected those of `ceilings`: run it first")
    return found


def _matrix(found: Mapping[str, Counter[str]]) -> Iterator[str]:
    columns = ("right", CANNOT_TELL, WRONG, "not shown")
    yield f"| true class | {' | '.join(columns)} |"
    yield f"|---|{'---:|' * len(columns)}"
    for name, counts in found.items():
        yield f"| {name.replace('_', ' ')} | {' | '.join(str(counts[column]) for column in columns)} |"


def _write(table: str) -> None:
    path = ROOT / "README.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    path.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}", encoding="utf-8")


def prove(folder: Path) -> int:
    """Prove experiments on the default model and print which predictions hold."""
    from inference_bench.results.advice_file import read_advice

    run = _measured(folder, "--threads", f"{CPUS}")
    _command("advise", str(run), "--prove", "12")
    stored = read_advice(run)
    proofs = stored.proofs if stored else ()
    for proof in proofs:
        print(f"{proof.experiment.change:30} {proof.experiment.phase:8} {proof.sentence}")
    counts = Counter(proof.verdict.value for proof in proofs)
    print(f"{len(proofs)} predictions: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}")
    return int(len(proofs) < 10)


def compare_with_grid(folder: Path) -> int:
    """Search a grid of set-ups, measure all of it, and print both times and whether the winner is as fast."""
    axes = [word for name, values in GRID.items() for word in ("-a", f"{name}={values}")]
    run = _measured(folder)
    searched_s = _timed("advise", str(run), "--search", "--time", "900", "--least-agreement", "0", *axes)
    (winner,) = run.glob("searches/*/fastest.toml")
    grid = [f"--{name}={values}" for name, values in GRID.items()]
    grid_folder = folder / "grid"
    grid_s = _timed("run", *_CASE, *grid, "--output", str(grid_folder), "--quiet")
    times, names = grid_times(load_run(next(grid_folder.iterdir())))
    best, found = min(times, key=lambda setup: times[setup]), names[_setup_of(winner)]
    print(f"search: {_named(found)}; grid: {_named(best)}")
    print(f"the one found takes {times[found] / times[best]:.3f} of the time of the grid's best")
    print(f"search {searched_s:.0f} s, grid of {len(names)} {grid_s:.0f} s: {searched_s / grid_s:.2f} (target 0.25)")
    return int(searched_s > grid_s / 4 or times[found] > 1.02 * times[best])


def grid_times(run: Run) -> tuple[dict[Chosen, float], dict[Chosen, Chosen]]:
    """Return the time of each set-up of a grid, and of each what it is when ``auto`` is what the model took.

    The time is the median over its processes of the time of a whole generation, nanoseconds.
    """
    times: dict[Chosen, list[float]] = {}
    names = {}
    for result in run.results:
        resolved = _chosen(resolved_setup(result))
        names[_chosen(result.case.setup)] = resolved
        of_result = whole_times(observe("", [replace(run, results=(result,))], metrics=TIMES))
        times.setdefault(resolved, []).extend(of_result)
    return {setup: statistics.median(of) for setup, of in times.items() if of}, names


def _chosen(setup: Setup) -> Chosen:
    return tuple(str(getattr(setup, name)) for name in GRID)


def _setup_of(spec: Path) -> Chosen:
    axes = tomllib.loads(spec.read_text())["axes"]
    return tuple(str(axes[name][0]) for name in GRID)


def _named(setup: Chosen) -> str:
    return ", ".join(f"{name}={value}" for name, value in zip(GRID, setup, strict=True))


_CASE = ("--benchmark", "inference_speed", "--input-lengths", "128", "--new-tokens", "32")


def _measured(folder: Path, *words: str) -> Path:
    """Measure the default model and return the run's folder."""
    _command("run", *_CASE, *words, "--output", str(folder), "--quiet")
    return next(path.parent for path in folder.glob("*/run.json"))


def _timed(*words: str) -> float:
    begin_ns = now_ns()
    _command(*words)
    return (now_ns() - begin_ns) / NS_PER_S


def _command(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "inference_bench", *words], check=False)


if __name__ == "__main__":
    sys.exit(main())
