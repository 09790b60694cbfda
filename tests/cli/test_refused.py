"""Requests that cannot be carried out: one line that says what to do, and exit code 2."""

from __future__ import annotations

import pytest

from inference_bench.machine.devices import cuda
from tests.command_line import WIDTH, assert_refused, call


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", WIDTH)


REFUSED = {
    "rnu": ["unknown command 'rnu'", "did you mean 'run'", "env, list, "],
    "--model null": ["'--model'", "a command first"],
    "list modles": ["unknown kind 'modles'", "did you mean 'models'"],
    "list models more": ["unexpected word 'more'", "no more words than KIND"],
    "run ./model": ["unexpected word './model'", "`--model ./model`"],
    "run device=cpu": ["unexpected word 'device=cpu'", "options only."],
    "run -d 1": ["unknown option '-d'"],
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
    "run --format htlm": ["unknown report 'htlm'", "chrome_trace, console, csv, github, html, json, markdown"],
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
    assert_refused(call(*line.split()), 2, *REFUSED[line])


@pytest.mark.skipif(cuda._loads("libcuda.so.1"), reason="this machine has a CUDA driver")
def test_cuda_where_there_is_none_says_why_and_what_to_do():
    ended = call("run", "--device", "cuda")

    assert_refused(ended, 2, "device 'cuda': no NVIDIA driver on this machine", "Use --device cpu.")


def test_a_folder_that_is_no_run_is_one_line_and_exit_code_2(tmp_path):
    assert_refused(call("report", str(tmp_path)), 2, str(tmp_path), "run.json")


def test_nothing_is_written_when_a_request_is_refused(tmp_path):
    call("run", "--model", "nul", "-o", str(tmp_path / "results"))

    assert list(tmp_path.iterdir()) == []
