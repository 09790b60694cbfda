"""Which commit is blamed? Thirty commits of a small repository, one of which makes a function 5 % slower.

A temporary git repository has a benchmark whose work is a loop of a fixed count. Every commit changes the file, commit
20 also the count. Each commit is checked out and measured once, by five short processes, and judged on arrival by the
runs before it (``run --gate``). Then the whole history is asked, as ``report --history`` does.

Run as ``python -m bench.planted``; ``--confirm`` lets an alarm be confirmed by interleaved pairs. Exits with 1 if an
earlier commit is SLOWER, if the planted one gives no alarm, or if the history puts the change elsewhere.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference_bench.results.discovery import open_runs
from inference_bench.results.history import Track, history
from inference_bench.results.run_judgement import SUSPECT, WORSE

COMMITS, PLANTED, SLOWDOWN = 30, 20, 0.05
COUNT = 12_000
"""Turns of the loop: some 200 µs, so short that the scheduler interrupts few calls."""
WORDS = {0: "OK", WORSE: "SLOWER", SUSPECT: "SUSPECT"}

FILE = '''\
"""Commit {number}."""

from inference_bench import benchmark

COUNT = {count}


@benchmark
def work():
    total = 0
    for turn in range(COUNT):
        total += turn
    return total
'''


@dataclass(frozen=True)
class Judged:
    """One commit: its number, its exit code, its line, and the machine's load."""

    number: int
    code: int
    line: str
    load: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, default=COMMITS, help=f"number of commits (default: {COMMITS})")
    parser.add_argument("--planted", type=int, default=PLANTED, help=f"the slower one (default: {PLANTED})")
    parser.add_argument("--budget", type=float, default=0.4, help="seconds of measuring in each process")
    parser.add_argument("--confirm", action="store_true", help="confirm alarms by interleaved pairs, 90 s at most")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary)
        commits = list(_repository(project, given.commits, given.planted))
        judged = [_judge(project, number, commit, given) for number, commit in enumerate(commits, 1)]
        tracks = history(open_runs(project / "history", print))
    return _report(judged, tracks, given.planted)


def _repository(project: Path, commits: int, planted: int) -> Iterator[str]:
    """Make the repository and yield the hash of each commit."""
    (project / "mine").mkdir()
    _git(project, "init", "-q")
    (project / ".gitignore").write_text("history/\n")
    for number in range(1, commits + 1):
        count = round(COUNT * (1 + SLOWDOWN)) if number >= planted else COUNT
        (project / "mine" / "benchmark_work.py").write_text(FILE.format(number=number, count=count))
        _git(project, "add", "-A")
        _git(project, "commit", "-q", "-m", f"commit {number}")
        yield _git(project, "rev-parse", "HEAD")


def _git(project: Path, *words: str) -> str:
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    done = subprocess.run(["git", "-C", str(project), *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _judge(project: Path, number: int, commit: str, given: argparse.Namespace) -> Judged:
    """Check a commit out, measure it once, and return what ``run --gate`` says."""
    _git(project, "checkout", "-q", commit)
    words = ["run", "--benchmarks-dir", "mine", "--benchmark", "work", "--threads", "1", "--runs", "5"]
    words += ["--budget", str(given.budget), "--min-samples", "30", "--output", "history", "--gate", "history"]
    words += ["--confirm", "--time", "90"] if given.confirm else []
    done = subprocess.run(
        [sys.executable, "-m", "inference_bench", *words, "--quiet"],
        cwd=project,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    if done.returncode not in WORDS:
        raise SystemExit(f"commit {number}: exit status {done.returncode}\n{done.stderr}")
    found = Judged(
        number, done.returncode, _line(done.stdout) or done.stderr.strip().rpartition("\n")[2], os.getloadavg()[0]
    )
    print(f"{number:3} {WORDS[found.code]:8} load {found.load:5.1f}  {found.line}", flush=True)
    return found


def _line(output: str) -> str:
    """Return the row of the judgement's table, and that of the pairs if it was confirmed."""
    under = output.partition("One new run (")[2]
    rows = [" ".join(line.split()) for line in under.splitlines() if line.strip().startswith("call")]
    return "; in pairs: ".join(rows)


def _report(judged: Sequence[Judged], tracks: Sequence[Track], planted: int) -> int:
    alarms = [of for of in judged if of.code]
    before = [of.number for of in alarms if of.number < planted]
    after = [of.number for of in alarms if of.number > planted]
    at_once = judged[planted - 1]
    places = [(place + 1, change) for track in tracks for place, change in track.changes.items()]
    said = ", ".join(f"{change:+.1%} from commit {place} on" for place, change in places) or "no change"
    print(f"\nPlanted in commit {planted}: {WORDS[at_once.code]} on arrival.")
    print(f"Alarms before it: {before or 'none'}; after it: {after or 'none'}.")
    print(f"The history says: {said}.")
    wrong = any(of.code == WORSE and of.number < planted for of in judged)
    return int(wrong or not at_once.code or [place for place, _ in places] != [planted])


if __name__ == "__main__":
    sys.exit(main())
