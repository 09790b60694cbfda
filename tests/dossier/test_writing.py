from __future__ import annotations

import json
import os
import shutil
import zipfile
from dataclasses import replace

import pytest

from inference_bench import testing
from inference_bench.dossier import writing
from inference_bench.dossier.checking import check_dossier
from inference_bench.dossier.writing import write_dossier
from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.provenance.record import CodeState, Provenance
from inference_bench.results.pairing import write_pairing
from inference_bench.results.run import load_run
from inference_bench.spec import Setup
from tests import stored_run


def texts(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_runs_give_the_same_bytes(runs, written, tmp_path):
    digest = write_dossier(runs, tmp_path / "again")
    packed = [write_dossier(runs, tmp_path / name) for name in ("a.zip", "b.zip")]

    assert texts(tmp_path / "again") == texts(written)
    assert packed == [digest, digest]
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == sorted(texts(written))
        assert {name: archive.read(name) for name in archive.namelist()} == texts(written)


def test_it_holds_question_plan_verdict_evidence_and_the_command(runs, written):
    readme = (written / "README.md").read_text()
    manifest = json.loads((written / "MANIFEST.json").read_bytes())

    assert [line for line in readme.splitlines() if line.startswith("## ")] == [
        "## Question",
        "## Verdict",
        "## Plan",
        "## How far it can be believed",
        "## How to repeat it",
        "## How to check it",
    ]
    assert "- models: null" in readme and "- input length: 8, 16" in readme
    assert "B against A" in readme and "| TTFT |" in readme and "INCONCLUSIVE" in readme
    assert "python -m inference_bench run --model null --benchmark inference_speed" in readme
    assert {file["path"] for file in manifest["files"]} == set(texts(written)) - {"MANIFEST.json"}
    assert manifest["runs"] == [f"runs/{run.name}" for run in runs]
    assert len(list(written.glob("runs/*/samples/*.parquet"))) == 4
    assert not list(written.glob("runs/*/logs"))


def test_raw_samples_are_copied_byte_by_byte(runs, written):
    for run in runs:
        for path in run.glob("*/*.parquet"):
            assert (written / "runs" / run.name / path.relative_to(run)).read_bytes() == path.read_bytes()


def test_nothing_of_it_tells_where_it_was_measured(tmp_path):
    secret = "hf_abcdefghijklmnopqrstuvwxyz"
    weights = "/srv/private weights/v1"
    case = testing.make_case(setup=Setup(weights=weights))
    result = replace(
        testing.make_result({"ttft": [[5_000_000 + at for at in range(40)]]}, case=case),
        model={"weights": {"source": "local", "label": weights, "trained": True}},
        notes=(f"read {weights}/model.bin on host-of-mine with {secret}",),
    )
    provenance = Provenance(
        code=CodeState("a" * 40, "main", "bench", 0),
        argv=(
            "/opt/venv/bin/python3.11",
            "-m",
            "inference_bench",
            "run",
            "--weights",
            weights,
            "--output=/srv/out/runs",
        ),
        host="host-of-mine",
    )
    record = replace(testing.make_record(result, id="one"), provenance=provenance)
    run = testing.write_run(tmp_path / "runs", result, record=record)

    write_dossier([run.folder], tmp_path / "d")
    write_dossier([run.folder], tmp_path / "with", with_host=True)
    everything = b"".join(texts(tmp_path / "d").values())
    copy = load_run(next((tmp_path / "d").glob("runs/*")))
    words = (b"someone", b"/srv/", b"/opt/venv", b"host-of-mine", secret.encode(), os.fsencode(tmp_path))

    assert [word for word in words if word in everything] == []
    assert copy.results[0].case.setup.weights == "…/v1"
    assert copy.samples(copy.results[0]).num_rows == 40  # found under the id that the case has without the path
    assert "python -m inference_bench run --weights '…/v1' '--output=…/runs'" in (tmp_path / "d/README.md").read_text()
    assert load_run(next((tmp_path / "with").glob("runs/*"))).record.provenance.host == "host-of-mine"
    assert check_dossier(tmp_path / "d").mismatches == ()


def test_a_run_of_an_earlier_version_goes_in(tmp_path):
    write_dossier([stored_run.FOLDER], tmp_path / "d.zip")

    with zipfile.ZipFile(tmp_path / "d.zip") as archive:
        assert sum(name.endswith(".parquet") for name in archive.namelist()) == 3


def test_the_sides_of_interleaved_pairs_are_compared(tmp_path):
    folder = tmp_path / "20260101T000000Z-000000-ab"
    results = [
        testing.make_result({"ttft": [[of + at for at in range(40)] for of in tops]})
        for tops in ((5000, 5010), (9000, 9010))
    ]
    runs = [
        testing.write_run(folder, result, record=testing.make_record(result, id=name))
        for name, result in zip("ab", results, strict=True)
    ]
    write_pairing(folder, ["base", "new"], [run.folder.name for run in runs], 0.95)

    write_dossier([run.folder for run in reversed(runs)], tmp_path / "d")
    compared = json.loads((tmp_path / "d/comparison.json").read_bytes())["comparisons"]

    assert [(of["before"], of["after"], of["paired"]) for of in compared] == [("base", "new", True)]
    assert (tmp_path / "d/runs" / folder.name / "ab.json").is_file()
    listed = json.loads((tmp_path / "d/MANIFEST.json").read_bytes())["runs"]
    assert listed == [f"runs/{folder.name}/{run.folder.name}" for run in runs]
    assert check_dossier(tmp_path / "d").mismatches == ()


def test_the_set_ups_of_one_run_are_compared(tmp_path):
    cases = [testing.make_case(setup=Setup(threads=threads)) for threads in (1, 2)]
    results = [testing.make_result({"ttft": [[5000 + at for at in range(40)]] * 2}, case=case) for case in cases]
    run = testing.write_run(tmp_path / "runs", *results)

    write_dossier([run.folder], tmp_path / "d")
    compared = json.loads((tmp_path / "d/comparison.json").read_bytes())["comparisons"]

    assert [of["compared"] for of in compared] == [{"threads": [1, 2]}]


@pytest.mark.parametrize("name", ["d", "d.zip"])
def test_nothing_is_overwritten(name, runs, tmp_path):
    (tmp_path / name).write_text("mine")

    with pytest.raises(InvalidValueError, match="expected a name that is free"):
        write_dossier(runs, tmp_path / name)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["missing/d", "d.tar.gz"])
def test_a_place_that_cannot_be_is_refused(name, runs, tmp_path):
    with pytest.raises(InvalidValueError, match="dossier"):
        write_dossier(runs, tmp_path / name)


@pytest.mark.parametrize("name", ["d", "d.zip"])
def test_a_failure_leaves_nothing_behind(name, runs, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "manifest_of", full)

    with pytest.raises(InvalidValueError, match="No space left"):
        write_dossier(runs, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_run_and_two_of_one_name_are_refused(runs, tmp_path):
    copy = tmp_path / "elsewhere" / runs[0].name
    shutil.copytree(runs[0], copy)
    with pytest.raises(UsageError, match="two runs are called"):
        write_dossier([runs[0], copy], tmp_path / "d")

    record = json.loads((copy / "run.json").read_bytes())
    (copy / "run.json").write_text(json.dumps({**record, "finished": False}))
    with pytest.raises(UsageError, match="unfinished"):
        write_dossier([copy], tmp_path / "d")
