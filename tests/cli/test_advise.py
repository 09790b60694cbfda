"""``advise`` on real runs of a model whose step takes a known time, held against ceilings that are known."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from inference_bench.analysis.advice.proof import ProofVerdict
from inference_bench.ceilings import Ceilings, GemvRate, MatmulRate, ReadBandwidth
from inference_bench.cli._main import main
from inference_bench.machine.environment import describe_environment
from inference_bench.results.advice_file import ADVICE, read_advice, write_advice
from inference_bench.results.ceilings_store import store_ceilings
from tests.advised import near
from tests.stored_weights import weights_folder

MODEL = """
import time

from inference_bench import Model, TextGenerator
from inference_bench.demands import Demands

STEP_S = {"float32": 0.006, "bfloat16": 0.0034, "float16": 0.0034}


class Sleeper(Model):
    title = "Sleeper"
    description = "sleeps as long as a memory-bound step of 100 MB takes at 20 GB/s"
    license = "Apache-2.0"
    max_input_length = 64
    needs_weights = False
    devices = ("cpu",)
    dtypes = ("float32", "bfloat16", "float16")
    abilities = ("generate",)

    def load(self, setup, weights, steps):
        self.dtype = setup.dtype

    def unload(self):
        pass

    def generator(self):
        return Steps(self.dtype)


class Steps(TextGenerator):
    def __init__(self, dtype):
        self.dtype = dtype

    def demands(self):
        return Demands(100_000_000 if self.dtype == "float32" else 50_000_000, 0, 1000, 0, 0)

    def prompt(self, length):
        return (0,) * length

    def prefill(self, prompt):
        return self.decode()

    def decode(self):
        time.sleep(STEP_S[self.dtype])
        return 0

    def generate(self, prompt, new_tokens):
        return [self.decode() for _ in range(new_tokens)]
"""
OPTIONS = ("--input-lengths", "8", "--new-tokens", "8", "--threads", "1", "--quick", "--quiet")


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models" / "sleeper"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(MODEL)
    return folder.parent


@pytest.fixture
def measured(tmp_path, models, state, capsys):
    """Return the folder of a run of the model."""
    output = tmp_path / "runs"
    words = ["--model", "sleeper", "--models-dir", str(models), "--benchmark", "inference_speed", "-o", str(output)]
    assert main(["run", *words, *OPTIONS]) == 0
    capsys.readouterr()
    (folder,) = output.iterdir()
    return folder


@pytest.fixture
def held():
    """Store the ceilings of this machine: 20 GB/s."""

    def store():
        rates = tuple(MatmulRate(dtype, 1, near(100e9)) for dtype in ("float32", "bfloat16", "float16"))
        read = (ReadBandwidth(1, 100_000_000, near(20e9)),)
        fingerprint = str(describe_environment()["fingerprint"])
        gemv = (GemvRate("float32", 1, 1_000_000, near(10e9)),)
        now = datetime.now(UTC).isoformat()
        store_ceilings(Ceilings(fingerprint, "cpu", now, read, rates, near(1000), gemv=gemv))

    return store


def test_advice_predicts_and_proofs_are_kept(measured, models, held, capsys):
    held()

    assert main(["advise", str(measured), "--models-dir", str(models), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (case,) = document["advice"]["cases"]
    named = {(of["phase"], of["code"]) for of in case["findings"] if of["outcome"] == "holds"}
    assert ("process", "waiting") in named
    assert ("decode", "memory_bound") in {(of["phase"], of["because"]) for of in case["experiments"]}

    asked = ["--models-dir", str(models), "--prove", "2", "--time", "0.01", "--quiet"]
    assert main(["advise", str(measured), *asked]) == 0
    shown = capsys.readouterr()
    assert "1 experiment not begun after 0.01 s (--time): the same command begins with it" in shown.err
    stored = read_advice(measured)
    assert stored is not None
    assert {proof.experiment.change for proof in stored.proofs} == {"dtype=bfloat16"}
    assert {proof.experiment.metric for proof in stored.proofs} == {"ttft", "itl"}  # one command decides both
    for proof in stored.proofs:
        assert (proof.pairs, proof.measured is None) == (6, False)
        assert proof.sentence in " ".join(shown.out.split())
        assert (measured / "proofs" / proof.folder / "ab.json").is_file()

    refuted = replace(stored.proofs[0], verdict=ProofVerdict.REFUTED)
    write_advice(measured, replace(stored, proofs=(refuted,)))
    assert main(["advise", "--results", str(measured.parent), "--models-dir", str(models)]) == 0  # still the latest
    assert "refuted" in capsys.readouterr().out
    assert read_advice(measured).proofs == (refuted,)


def test_a_proof_of_one_case_keeps_what_is_known_of_the_others(measured, held, capsys):
    held()
    assert main(["advise", str(measured)]) == 0
    stored = read_advice(measured)
    assert stored is not None
    (known,) = stored.advice.cases
    other = replace(known, case=replace(known.case, benchmark="another"))
    both = replace(stored, advice=replace(stored.advice, cases=(known, other)))

    assert both.of_cases({other.case.id}).advice.cases == (other,)
    assert both.of_cases({known.case.id}) == stored


def test_a_run_of_another_machine_has_advice_and_no_proof(measured, held, capsys):
    held()
    record = json.loads((measured / "run.json").read_text())
    record["environment"]["fingerprint"] = "0123456789ab"
    (measured / "run.json").write_text(json.dumps(record))

    assert main(["advise", str(measured)]) == 0
    assert "The ceilings of cpu are unknown" in capsys.readouterr().out
    assert main(["advise", str(measured), "--prove"]) == 2
    assert "was measured on another machine (fingerprint 0123456789ab" in capsys.readouterr().err


def test_nothing_to_prove_is_refused_in_one_line(measured, held, capsys):
    held()

    assert main(["advise", str(measured), "--prove"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_unknown_case_names_those_that_there_are(measured, capsys):
    assert main(["advise", str(measured), "--case", "nothing"]) == 2
    error = capsys.readouterr().err
    assert "case: got 'nothing'" in error
    assert "sleeper-inference_speed" in error


def test_a_damaged_advice_says_what_to_do(measured, capsys):
    (measured / ADVICE).write_text('{"advice_version": "x"}')

    assert main(["advise", str(measured)]) == 2
    assert "Delete it and run `advise` again." in capsys.readouterr().err


def test_a_proof_without_the_weights_of_the_run_is_refused_before_anything_is_measured(tmp_path, state, held, capsys):
    held()
    folder = tmp_path / "models" / "sleeper"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(MODEL.replace("    needs_weights = False\n", ""))
    weights = weights_folder(tmp_path / "weights")
    words = ["--models-dir", str(folder.parent), "-o", str(tmp_path / "runs"), "--weights", str(weights)]
    assert main(["run", "--model", "sleeper", "--benchmark", "inference_speed", *words, *OPTIONS]) == 0
    (run,) = (tmp_path / "runs").iterdir()
    capsys.readouterr()

    shutil.rmtree(weights)
    assert main(["advise", str(run), "--models-dir", str(folder.parent), "--prove"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"--prove: the weights of run {run.name} are gone (weights: got '{weights}'" in error
    assert "Nothing was measured" in error
    assert not (run / "proofs").exists()
    assert main(["advise", str(run), "--models-dir", str(folder.parent)]) == 0  # advice needs no weights


def test_a_proof_of_a_model_that_is_gone_is_refused(measured, models, held, capsys):
    held()
    shutil.rmtree(models)

    assert main(["advise", str(measured), "--models-dir", str(models.parent), "--prove"]) == 2
    error = capsys.readouterr().err
    assert "sleeper" in error
    assert error.count("\n") == 1
    assert not (measured / "proofs").exists()


def test_a_run_without_the_columns_that_classes_need_names_them(measured, models, held, capsys):
    """As a run of an older version: no waiting of threads, no demands."""
    held()
    document = json.loads((measured / "results.json").read_text())
    (entry,) = document["results"]
    entry["model"] = {key: value for key, value in entry["model"].items() if not key.startswith("demands")}
    for worker in entry["workers"]:
        worker.pop("waited_ns", None)
        worker["usage"].pop("system_ns", None)
    (measured / "results.json").write_text(json.dumps(document))

    assert main(["advise", str(measured), "--models-dir", str(models)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "what the model asks for (recorded by a version that did not count them)" in shown
    assert "how long threads waited for a CPU (schedstat)" in shown
    assert "the kernel's share of the CPU time" in shown


def test_a_model_whose_demands_cannot_be_counted_says_why(measured, models, held, capsys):
    held()
    document = json.loads((measured / "results.json").read_text())
    (entry,) = document["results"]
    del entry["model"]["demands"]
    entry["model"]["demands_unknown"] = "its cache is a state"
    (measured / "results.json").write_text(json.dumps(document))

    assert main(["advise", str(measured), "--models-dir", str(models)]) == 0
    assert "what the model asks for (its cache is a state)" in " ".join(capsys.readouterr().out.split())
