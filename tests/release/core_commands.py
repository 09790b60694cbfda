"""What works with the light core alone, and what names the packages that it needs: checks for a fresh environment.

    python core_commands.py [NAME…]

Runs every check, or those named, with this interpreter, which has the package and pytest but no framework. Imports only
the standard library, so that it also runs where a wheel is tested without this repository's development packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

TORCH = "which is not installed: pip install 'torch>=2.4' 'transformers>=5.0' accelerate gguf"

FUNCTION = """
from inference_bench.benchmark.function import benchmark

@benchmark
def work():
    sum(range(100))
"""

FIXTURE_TEST = """
def test_sum(inference_bench):
    assert inference_bench(sum, [1, 2]) == 3
"""

LIVE = """
import time
from inference_bench.live import Profiler

with Profiler("chat") as profiler:
    with profiler.span("work"):
        pass
    time.sleep(0.3)
    assert profiler.snapshot().spans["work"].total == 1
"""


def run(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run this interpreter, and check its exit code."""
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, f"{words} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done


def command(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command of ours."""
    return run("-m", "inference_bench", *words, code=code)


def measure() -> None:
    """Measure the null model, into the current folder's results."""
    command("run", "--model", "null", "--quick", "--benchmark", "inference_speed")


def refused(*words: str, told: str) -> None:
    """Check that a command is refused in one line."""
    done = command(*words, code=2)
    assert told in done.stderr and done.stderr.count("\n") == 1, done.stderr


def failing_import(code: str, told: str) -> None:
    """Check the last line of an import that fails."""
    assert told in run("-c", code, code=1).stderr.splitlines()[-1]


def check_version() -> None:
    assert command("--version").stdout.startswith("inference_bench ")


def check_help() -> None:
    assert "broken:" not in command("--help").stdout


def check_list() -> None:
    assert "smollm2_135m_instruct" in command("list").stdout


def check_env() -> None:
    packages = json.loads(command("env", "--json").stdout)["packages"]
    assert "torch" not in packages and packages["numpy"]


def check_runs_and_reports() -> None:
    measure()
    measure()
    assert "null" in command("report").stdout
    assert "</html>" in command("report", "--format", "html").stdout
    assert "grade" in command("check").stdout
    assert "TTFT" in command("compare", "latest~1", "latest", "--margin", "0.99").stdout
    assert "ttft" in command("query", "SELECT DISTINCT metric FROM summaries", "--format", "csv").stdout


def check_function() -> None:
    Path("own").mkdir()
    Path("own/benchmark_work.py").write_text(FUNCTION)
    assert "call" in command("run", "--benchmarks-dir", "own", "--benchmark", "work", "--quick").stdout


def check_time() -> None:
    assert "sum" in command("time", "--repeat", "2", "sum(range(99))").stdout


def check_fixture() -> None:
    Path("test_own.py").write_text(FIXTURE_TEST)
    told = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_own.py").stdout
    assert "1 passed" in told and "test_sum" in told


def check_live() -> None:
    run("-c", LIVE)


def check_refusals() -> None:
    refused("run", told=f"model smollm2_135m_instruct needs torch, {TORCH}")
    refused("run", "--dry-run", told=TORCH)
    Path("config.json").write_text('{"model_type": "llama", "hidden_size": 64}')
    refused("new", "model", "own", "--from", "config.json", told=TORCH)


def check_imports_that_need_more() -> None:
    failing_import("import inference_bench.live.grpc", "pip install 'grpcio>=1.60'")
    failing_import(
        "from inference_bench.live import Profiler; from inference_bench.live.prometheus import PrometheusCollector; "
        "PrometheusCollector(Profiler('a'))",
        "PrometheusCollector needs prometheus_client, which is not installed: pip install 'prometheus_client>=0.20'",
    )


CHECKS: dict[str, Callable[[], None]] = {
    name.removeprefix("check_"): value for name, value in list(globals().items()) if name.startswith("check_")
}


def main() -> int:
    """Run the checks, each in a folder of its own, and return how many failed."""
    import os

    failed = 0
    for name in sys.argv[1:] or CHECKS:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                CHECKS[name]()
                print(f"{name}: ok", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"{name}: FAILED: {error}", flush=True)
            finally:
                os.chdir("/")
    return failed


if __name__ == "__main__":
    sys.exit(main())
