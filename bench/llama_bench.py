"""Do our figures by llama-bench's definition agree with llama-bench's own?

Run as ``python -m bench.llama_bench --llama-bench PATH --gguf FILE``, with ``LLAMA_CPP_LIB`` naming the libllama.so
that this llama-bench was built with. Both measure pp512 and tg128 of one file with the same threads, batch and type of
the key-value cache, in turns, each time in a fresh process. Prints each turn, and the ratio of the means. Exits with 1
if a ratio is further than 3 % from 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory

from inference_bench import load_run

LENGTH, TOKENS = 512, 128
LIMIT = 0.03


def main() -> int:
    """Take turns and compare."""
    given = _arguments()
    sides: dict[str, list[tuple[float, float]]] = {"llama-bench": [], "inference_bench": []}
    for turn in range(given.turns):
        for name in list(sides)[:: 1 if turn % 2 == 0 else -1]:
            measure = _theirs if name == "llama-bench" else _ours
            sides[name].append(measure(given))
            pp, tg = sides[name][-1]
            print(f"turn {turn + 1} {name:16} pp{LENGTH} {pp:8.2f}  tg{TOKENS} {tg:8.2f}", flush=True)
    return _print_table(sides)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llama-bench", type=Path, required=True, help="the program")
    parser.add_argument("--gguf", type=Path, required=True, help="the weights")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--turns", type=int, default=5, help="of each side")
    return parser.parse_args()


def _theirs(given: argparse.Namespace) -> tuple[float, float]:
    """Return the two rates of one call of llama-bench, of five repetitions each."""
    options = ["-m", given.gguf, "-p", LENGTH, "-n", TOKENS, "-t", given.threads, "-o", "json"]
    done = subprocess.run([given.llama_bench, *map(str, options)], capture_output=True, text=True, check=True)
    found = {(row["n_prompt"], row["n_gen"]): row["avg_ts"] for row in json.loads(done.stdout)}
    return found[LENGTH, 0], found[0, TOKENS]


def _ours(given: argparse.Namespace) -> tuple[float, float]:
    """Return the same of one run of ours."""
    with TemporaryDirectory() as folder:
        options = ["--model", given.gguf, "--engine", "llama_cpp", "--dtype", "as_stored", "--threads", given.threads]
        options += ["--benchmark", "inference_speed", "-a", "view=llama_bench", "--input-lengths", LENGTH]
        options += ["--new-tokens", TOKENS, "--runs", 1, "--output", folder, "--quiet"]
        command = [sys.executable, "-m", "inference_bench", "run", *map(str, options)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (run,) = (load_run(path.parent) for path in Path(folder).glob("*/run.json"))
        found = {summary.metric: summary.headline.value for result in run.results for summary in result.summaries}
    pp, tg = found["llama_bench_pp"], found["llama_bench_tg"]
    assert pp is not None
    assert tg is not None
    return pp, tg


def _print_table(sides: dict[str, list[tuple[float, float]]]) -> int:
    print("\n| | llama-bench, t/s | inference_bench, t/s | ratio of the means |\n|---|---|---|---|")
    worst = 0.0
    for place, name in enumerate((f"pp{LENGTH}", f"tg{TOKENS}")):
        rates = [[turn[place] for turn in of] for of in sides.values()]
        ratio = fmean(rates[1]) / fmean(rates[0])
        worst = max(worst, abs(ratio - 1))
        cells = [f"{fmean(of):.1f} ± {stdev(of):.1f}" for of in rates]
        print(f"| {name} | {' | '.join(cells)} | {ratio:.3f} |")
    return 1 if worst > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
