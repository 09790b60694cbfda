"""What `run --dry-run` shows of a plan."""

from __future__ import annotations

import pytest

from tests.command_line import WIDTH, call


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", WIDTH)


def test_a_dry_run_shows_cases_workers_weights_and_folder_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERENCE_BENCH_CACHE", str(tmp_path / "cache"))
    options = ("--benchmark", "inference_speed,memory_usage", "-o", str(tmp_path / "here"))
    ended = call("run", "--dry-run", *options)

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
    ended = call("run", "--dry-run", *options)

    assert (ended.code, ended.err) == (0, "")
    assert expected in ended.out


def test_a_model_that_imports_what_is_missing_does_not_stop_a_plan_of_others(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.py").write_text("import no_such_module_anywhere\n")

    good = call("run", "--model", "null", "--models-dir", str(tmp_path), "--dry-run")
    bad = call("run", "--model", "null,broken", "--models-dir", str(tmp_path), "--dry-run")

    assert good.code == 0
    assert bad.code == 1
    assert bad.err.count("\n") == 1
    assert "broken/model.py:1" in bad.err


def test_a_plan_names_engines():
    ended = call("run", "--engine", "transformers,llama_cpp", "--dry-run", "--benchmark", "inference_speed")
    assert ended.code == 0
    heads = [line for line in ended.out.splitlines() if "cpu, float32" in line]
    assert [head.rstrip().endswith(", in llama_cpp") for head in heads] == [False, True]


@pytest.mark.parametrize(
    ("options", "agreements"),
    [
        (["engine=transformers", "engine=llama_cpp"], 2),
        (["dtype=float32,engine=transformers", "dtype=float32,engine=llama_cpp"], 2),
        (["engine=transformers", "engine=llama_cpp", "--benchmark", "inference_speed"], 0),
        (["dtype=float32", "dtype=bfloat16"], 0),
    ],
)
def test_ab_of_two_engines_measures_whether_they_agree(options, agreements):
    pytest.importorskip("llama_cpp_py_sync")
    ended = call("ab", "--dry-run", *options)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count("agreement  passages=") == agreements


@pytest.mark.parametrize(
    ("dtype", "setups"),
    [
        (
            "float32",
            ["float32", "float32, in ctranslate2", "float32, in llama_cpp", "float16, in openvino_genai"],
        ),
        ("int8,int4", ["float32", "int8, in ctranslate2", "int4, in onnxruntime_genai", "float32, in llama_cpp"]),
    ],
)
def test_every_engine_is_measured_in_a_dtype_that_it_has(dtype, setups):
    ended = call("run", "--dry-run", "--engine", "all", "--dtype", dtype, "--threads", "2")
    planned = {line.replace(", 2 threads", "") for line in ended.out.splitlines()}

    assert ended.code == 0
    assert {f"smollm2_135m_instruct, cpu, {setup}" for setup in setups} <= planned
