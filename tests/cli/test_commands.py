"""The command line from outside: each request is a process, judged by its exit code and what it printed where."""

from __future__ import annotations

import json
import math
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

import inference_bench
from inference_bench.cli import _main, _summaries, main
from inference_bench.cli._command import Command, load_command
from inference_bench.cli._parser import Parser
from inference_bench.errors import UsageError
from inference_bench.machine.devices import cuda
from inference_bench.plugins import names_in

COMMANDS = names_in("inference_bench.cli")


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    out: str
    err: str


def run(*words: str, **environment: str) -> Ended:
    command = [sys.executable, "-m", "inference_bench", *words]
    environment = {**os.environ, "COLUMNS": "120", **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    return Ended(done.returncode, done.stdout, done.stderr)


def assert_refused(ended: Ended, code: int, *parts: str) -> None:
    """One line on stderr, nothing on stdout, no traceback."""
    assert ended.err.count("\n") == 1, ended.err
    assert ended.err.startswith("error: ")
    assert "Traceback" not in ended.err
    assert [part for part in parts if part not in ended.err] == [], ended.err
    assert ended.out == ""
    assert ended.code == code


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_help_names_every_command_and_the_exit_codes(words):
    ended = run(*words)

    assert (ended.code, ended.err) == (0, "")
    assert [command for command in COMMANDS if f"\n  {command} " not in ended.out] == []
    assert "exit codes:" in ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_teaches(command):
    ended = run(command, "--help")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"usage: python -m inference_bench {command} [options]")
    first, _ = load_command(command).examples[0]
    assert f" {command} {first}".rstrip() in ended.out.partition("examples:")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_in_the_help_can_be_read(command):
    known = load_command(command)

    for arguments, _ in known.examples:
        Parser(known).said(shlex.split(arguments.partition(" > ")[0]))


def test_run_shows_its_defaults():
    text = run("run", "--help-all").out

    for default in (
        "smollm2_135m_instruct",
        "inference_speed, memory_usage",
        "cpu",
        "float32",
        "auto",
        "full",
        "3 to 5; with --all: 1",
        "4; with --all: 1",
        "0.05",
        "console",
    ):
        assert f"(default: {default})" in " ".join(text.split()), default


@pytest.mark.parametrize("words", [("--version",), ("-V",), ("run", "--version"), ("list", "-V")])
def test_the_version_is_told(words):
    ended = run(*words)

    assert (ended.code, ended.out) == (0, f"inference_bench {inference_bench.__version__}\n")


def test_list_shows_every_kind():
    ended = run("list")

    assert (ended.code, ended.err) == (0, "")
    for word in ("models", "smollm2_135m_instruct", "benchmarks", "inference_speed", "ttft", "cuda", "parquet"):
        assert word in ended.out


@pytest.mark.parametrize("kind", ["models", "benchmarks", "suites", "metrics", "devices", "formats", "sinks"])
def test_list_tells_the_same_as_text_and_as_json(kind):
    text, data = run("list", kind), json.loads(run("list", kind, "--json").out)

    assert text.code == 0
    assert [line.split()[0] for line in text.out.splitlines()] == ["NAME", *(row["name"] for row in data[kind])]


def test_list_of_everything_as_json():
    data = json.loads(run("list", "--json").out)

    performance = next(suite for suite in data["suites"] if suite["name"] == "performance")
    assert {"inference_speed", "memory_usage"} <= set(performance["benchmarks"])
    assert all(rows for rows in data.values())


def test_the_benchmarks_of_a_model_are_listed_with_their_files(tmp_path):
    run("new", "model", "engine", "--bare", "--dir", str(tmp_path))
    where = ("--model", "engine", "--models-dir", str(tmp_path))
    for name in ("inference_speed", "answers"):
        kind = "unit" if name == "answers" else "performance"
        assert run("new", "benchmark", name, "--kind", kind, *where).code == 0

    rows = json.loads(run("list", "benchmarks", "--json", *where).out)["benchmarks"]
    files = {row["name"]: row["file"] and Path(row["file"]).name for row in rows}
    assert files.items() >= {"inference_speed": "benchmark_inference_speed.py", "memory_usage": None}.items()
    assert files["answers"] == "benchmark_answers.py"
    suites = {
        row["name"]: row["benchmarks"] for row in json.loads(run("list", "suites", "--json", *where).out)["suites"]
    }
    assert "answers" in suites["accuracy"]
    assert "answers" not in suites["performance"]
    assert "engine/benchmarks/unit/benchmark_answers.py" in run("list", "benchmarks", *where).out


def test_list_refuses_a_model_that_is_not_there():
    assert_refused(run("list", "benchmarks", "--model", "nul"), 2, "unknown model 'nul'", "did you mean 'null'")


def test_a_broken_model_is_a_row_with_file_and_line_and_the_others_stay(tmp_path):
    path = tmp_path / "broken" / "model.py"
    path.parent.mkdir()
    path.write_text("import inference_bench\nraise RuntimeError('worn out')\n")

    ended = run("list", "models", "--models-dir", str(tmp_path))

    assert ended.code == 1
    assert f"{path}:2: RuntimeError('worn out')" in ended.out
    assert "\nnull " in ended.out
    assert ended.err == ""


def test_a_model_that_imports_what_is_missing_does_not_stop_a_plan_of_others(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.py").write_text("import no_such_module_anywhere\n")

    good = run("run", "--model", "null", "--models-dir", str(tmp_path), "--dry-run")
    bad = run("run", "--model", "null,broken", "--models-dir", str(tmp_path), "--dry-run")

    assert good.code == 0
    assert bad.code == 1
    assert bad.err.count("\n") == 1
    assert "broken/model.py:1" in bad.err


def test_env_describes_the_machine_and_the_clock():
    text, data = run("env"), json.loads(run("env", "--json").out)

    assert (text.code, text.err) == (0, "")
    assert {"system", "cpu", "memory", "python", "packages", "fingerprint", "clock", "warnings"} <= set(data)
    assert data["fingerprint"] in text.out
    assert data["clock"]["source"] in text.out


def test_a_dry_run_shows_cases_workers_weights_and_folder_and_writes_nothing(tmp_path):
    options = ("--benchmark", "inference_speed,memory_usage", "-o", str(tmp_path / "here"))
    ended = run("run", "--dry-run", *options, INFERENCE_BENCH_CACHE=str(tmp_path / "cache"))

    assert (ended.code, ended.err) == (0, "")
    assert "3 cases in 6 to 10 worker processes" in ended.out
    assert ended.out.count("inference_speed  input_length=") == 2
    assert "fetched from hub" in ended.out
    assert f"{tmp_path / 'here'}/" in ended.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            ["--benchmark", "inference_speed,memory_usage", "--dtype", "float32,bfloat16", "--runs", "3"],
            "6 cases in 12 worker processes",
        ),
        (["--threads", "1,2", "--benchmark", "memory_usage"], "2 cases in 6 to 10 worker processes"),
        (["--threads", "1,2", "--benchmark", "memory_usage", "--runs", "2"], "2 cases in 4 worker processes"),
        (["--input-lengths", "8,16", "--new-tokens", "4"], "input_length=16 new_tokens=4"),
        (["--benchmark", "inference_speed", "-a", "input_length=7", "--quick"], "1 case in 1 worker process;"),
        (["--model", "null"], "null: no weights"),
        (
            ["--model", "null,null", "--model", "null", "--benchmark", "inference_speed"],
            "1 case in 3 to 5 worker processes",
        ),
        (["--benchmark", "batch_processing", "-a", "batch_size=1..16"], "5 cases in 3 to 5 worker processes;"),
        (["--all"], "smollm2_135m_instruct, cpu, float32"),
        (["--all"], "in 1 s at most\n"),
        (["--all", "--budget", "5"], "in 5 s at most\n"),
        ([], "interval over its processes reaches at most ±5 % of the median"),
        (["--quick"], "interval reaches at most ±10 % of the median"),
        (["--thorough"], "takes 30 samples or more, in 25 s at most"),
        (
            ["--model", "null", "--benchmark", "inference_speed,memory_usage", "--budget", "5", "--runs", "2"],
            "; up to 20 s to sample, and each case's first iterations on top; --case-limit ends a case after 14400 s\n",
        ),
        (
            ["--benchmark", "accuracy,serving_load,agreement", "--case-limit", "60"],
            "; as long as accuracy, serving_load, agreement take: --budget does not end them; --case-limit ends "
            "a case after 60 s\n",
        ),
        (["--weights", "random", "--scale", "reduced", "--seed", "3"], "RANDOM, reduced size, seed 3"),
        (["--precision", "0.03", "--min-samples", "50"], "at most ±3 % of the median; a process takes 50 samples"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_dry_run_shows_what_was_asked_for(options, expected):
    ended = run("run", "--dry-run", *options)

    assert (ended.code, ended.err) == (0, "")
    assert expected in ended.out


REFUSED = {
    "rnu": ["unknown command 'rnu'", "did you mean 'run'", "env, list, "],
    "--model null": ["'--model'", "a command first"],
    "list modles": ["unknown kind 'modles'", "did you mean 'models'"],
    "list models more": ["unrecognized arguments: more"],
    "report --results nowhere": ["no run in nowhere", "`run` writes one"],
    "check --results nowhere": ["no run in nowhere", "`run` writes one"],
    "query x --results nowhere": ["no run in nowhere", "`run` writes one"],
    "compare": ["expected two", "compare latest~1 latest", "--by AXIS"],
    "compare --by dtype --results nowhere": ["no run in nowhere"],
    "report x --fromat csv": ["'--fromat'", "did you mean '--format'"],
    "run --modle null": ["unknown option '--modle'", "did you mean '--model'", "run --help"],
    "run --dtypes=float32": ["unknown option '--dtypes'", "did you mean '--dtype'"],
    "run --runs": ["--runs", "expected one argument"],
    "run --model null --all": ["not allowed with"],
    "run --model nul": ["unknown model 'nul'", "did you mean 'null'"],
    "run --model ,": ["model: got ','"],
    "run --benchmark inference_sped": ["unknown benchmark", "did you mean 'inference_speed'"],
    "run --suite perf": ["unknown suite 'perf'", "did you mean 'performance'"],
    "run --device cuba": ["unknown device 'cuba'", "did you mean 'cuda'"],
    "run --device cpu:1": ["device: got 'cpu:1', expected cpu"],
    "run --dtype float64": ["unknown dtype 'float64'", "bfloat16, float16, float32"],
    "run --format htlm": ["unknown report 'htlm'", "console, csv, github, html, json, markdown"],
    "run --scale reduced": ["Add --weights random"],
    "run --scale small": ["unknown scale 'small'"],
    "run --weights randm": ["unknown weights source 'randm'", "did you mean 'random'"],
    "run --weights ./nowhere": ["weights: got './nowhere', expected a path that exists"],
    "run --threads 0": ["threads: got '0', expected a whole number of at least 1"],
    "run --threads two": ["threads: got 'two'"],
    "run --margin 0.05": ["--margin: got 0.05, expected no --margin without --gate or --ab"],
    "run --ab a=1 a=2 --dry-run": ["unknown axis 'a'"],
    "run --ab a=1": ["variants: got 'a=1', expected two or more"],
    "run --detect 2%": ["--detect: got 0.02, expected no --detect without --ab"],
    "ab a=1 a=2 --isolation inline": ["unknown option '--isolation'"],
    "ab a=1 a=2 --overlap off": ["unknown option '--overlap'"],
    "run --runs 0": ["runs: got '0', expected a whole number of at least 1"],
    "run --runs -1": ["runs: got '-1'"],
    "run --runs 1.5": ["runs: got '1.5'"],
    "run --min-samples 0": ["min samples: got '0'"],
    "run --warmup -1": ["warm-up: got '-1', expected a whole number of at least 0"],
    "run --seed x": ["seed: got 'x'"],
    "run --budget 0": ["budget: got '0', expected seconds, more than zero"],
    "run --budget nan": ["budget: got 'nan'"],
    "run --budget inf": ["budget: got 'inf'"],
    "run --precision 1": ["precision: got '1', expected a fraction between 0 and 0.5"],
    "run --quick --thorough": ["--thorough: not allowed with", "--quick"],
    "run --new-tokens 0": ["new tokens: got '0'"],
    "run --input-lengths 32,-1": ["input lengths: got '-1'"],
    "run --input-lengths 32,,64": ["input lengths: got '32,,64'"],
    "run --input-lengths 8,8": ["input length: got '8,8', expected each value once"],
    "run --input-lengths 8192 --new-tokens 1": ["got 8193, expected at most 8192", "smollm2_135m_instruct"],
    "run -a input_length": ["axis: got 'input_length', expected name=value"],
    "run -a input_lenght=8": ["unknown axis 'input_lenght'", "did you mean 'input_length'"],
    "run -a input_length=long": ["input length: got 'long', expected a whole number"],
    "run --input-lengths 8 -a input_length=9": ["axis input_length", "two lists"],
    "run --models-dir /nowhere": ["models folder: got '/nowhere'"],
    "run -o /dev/null/results": ["output folder: got '/dev/null/results'", "/dev/null is not a folder", "--output"],
}


@pytest.mark.parametrize("line", REFUSED)
def test_a_request_that_cannot_be_carried_out_is_one_line_and_exit_code_2(line):
    assert_refused(run(*line.split()), 2, *REFUSED[line])


@pytest.mark.skipif(cuda._loads("libcuda.so.1"), reason="this machine has a CUDA driver")
def test_cuda_where_there_is_none_says_why_and_what_to_do():
    ended = run("run", "--device", "cuda")

    assert_refused(ended, 2, "device 'cuda': no NVIDIA driver on this machine", "Use --device cpu.")


def test_a_folder_that_is_no_run_is_one_line_and_exit_code_2(tmp_path):
    assert_refused(run("report", str(tmp_path)), 2, str(tmp_path), "run.json")


def test_nothing_is_written_when_a_request_is_refused(tmp_path):
    run("run", "--model", "nul", "-o", str(tmp_path / "results"))

    assert list(tmp_path.iterdir()) == []


def test_verbose_shows_the_traceback_before_the_line():
    ended = run("run", "--runs", "0", "-v")

    assert ended.code == 2
    assert ended.err.startswith("Traceback")
    assert ended.err.splitlines()[-1].startswith("error: runs: got '0'")


def test_a_reader_that_leaves_early_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "inference_bench", "list", "metrics", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    _, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (141, b"")


def test_a_terminal_without_unicode_is_no_error():
    ended = run("--help", PYTHONIOENCODING="ascii")

    assert (ended.code, ended.err) == (0, "")


class Fails(Command):
    """Fails as it is told to."""

    name = "fails"
    error: BaseException = RuntimeError("two\nlines")

    def add_arguments(self, parser):
        """Declare nothing."""

    def run(self, args):
        """Fail."""
        raise self.error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (RuntimeError("two\nlines"), 1, "error: unexpected RuntimeError: two lines. Run again with -v"),
        (UsageError("no\nway"), 2, "error: no way\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (TimeoutError(), 1, "error: unexpected TimeoutError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_is_one_line(monkeypatch, capsys, error, code, line):
    monkeypatch.setattr(_main, "load_command", lambda name: Fails())
    monkeypatch.setattr(Fails, "error", error)

    assert main(["fails"]) == code
    err = capsys.readouterr().err
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_a_broken_command_does_not_hide_the_others(monkeypatch, capsys):
    monkeypatch.setattr(_summaries, "command_names", lambda: ["list", "nonsense"])

    assert main([]) == 0
    out = capsys.readouterr().out
    assert "nonsense       broken: UnknownNameError" in out
    assert "List models" in out


@pytest.mark.parametrize("installed", [Path(sys.executable).with_name("inference-bench")])
def test_the_installed_script_is_the_same(installed):
    if not installed.exists():
        pytest.skip("the package is not installed in this environment")
    done = subprocess.run([installed, "list", "suites"], capture_output=True, text=True, check=True)

    assert done.stdout == run("list", "suites").out


def test_progress_for_programs_is_one_object_a_line(tmp_path):
    ended = run(
        *("run", "--model", "null", "--benchmark", "inference_speed", "--input-lengths", "16", "--new-tokens", "4"),
        *("--quick", "--budget", "0.1", "--log-json", "-o", str(tmp_path)),
    )
    assert ended.code == 0
    events = [json.loads(line) for line in ended.err.splitlines()]

    names = [event["event"] for event in events]
    assert names[0] == "plan"
    assert names[-1] == "end"
    assert names.index("case_started") < names.index("case_ended")
    assert all(earlier["elapsed_ns"] <= later["elapsed_ns"] for earlier, later in pairwise(events))
    (case,) = events[0]["cases"]
    ended_case = next(event for event in events if event["event"] == "case_ended")
    assert (ended_case["case"], ended_case["status"], ended_case["cause"]) == (case["id"], "ok", None)
    ttft = next(figure for figure in ended_case["figures"] if figure["metric"] == "ttft")
    assert (ttft["unit"], ttft["phase"]) == ("ns", "prefill")
    # On a busy machine the samples may be worth too few independent ones for an interval.
    assert (ttft["low"] or 0) <= ttft["value"] <= (ttft["high"] or math.inf)
