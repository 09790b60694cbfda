"""``report --dossier`` and ``check --dossier`` from outside."""

from __future__ import annotations

import json
import os
import shutil
import zipfile

import pytest

from inference_bench import testing
from inference_bench.cli import main


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """Return a folder with two runs."""
    folder = tmp_path_factory.mktemp("runs")
    for top in (5_000_000, 6_000_000):
        testing.write_run(folder, testing.make_result({"ttft": [[top + at for at in range(40)]] * 2}))
    return folder


def test_a_zip_is_written_checked_and_not_overwritten(output, tmp_path, capsys):
    place = tmp_path / "d.zip"
    words = ["report", str(output), "--dossier", str(place)]

    assert main(words) == 0
    digest = capsys.readouterr().out.split()[-1]
    assert main(["check", "--dossier", str(place)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "all match" in said and digest in said
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("error: dossier: got ")


def test_the_newest_run_goes_in_where_none_is_named(output, tmp_path, capsys):
    assert main(["report", "--results", str(output), "--dossier", str(tmp_path / "d")]) == 0
    assert len(list((tmp_path / "d/runs").iterdir())) == 1


def test_a_changed_byte_is_one_line_and_exit_code_1(output, tmp_path, capsys):
    place = tmp_path / "d"
    main(["report", str(output), "--dossier", str(place)])
    path = place / "report.html"
    path.write_bytes(path.read_bytes().replace(b"TTFT", b"TTFX", 1))
    capsys.readouterr()

    assert main(["check", "--dossier", str(place)]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "'report.html' has changed" in said.err


def test_a_figure_that_does_not_match_is_named_with_both_values(output, tmp_path, capsys):
    from tests.dossier.forging import renew_digests

    place = tmp_path / "d"
    main(["report", str(output), "--dossier", str(place)])
    for path in place.glob("runs/*/results.json"):
        path.write_bytes(path.read_bytes().replace(b'"maximum": 5000039.0', b'"maximum": 5000040.0'))
    renew_digests(place)
    capsys.readouterr()

    assert main(["check", "--dossier", str(place), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    wrong = {each["figure"]: (each["stored"], each["recomputed"]) for each in found["mismatches"]}
    assert found["matches"] is False
    assert wrong["ttft maximum"] == (5_000_040.0, 5_000_039.0)
    assert main(["check", "--dossier", str(place)]) == 1
    assert "ttft maximum: stored 5000040.0, recomputed 5000039.0" in " ".join(capsys.readouterr().out.split())


def test_an_unsafe_zip_is_refused(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("../outside", "x")

    assert main(["check", "--dossier", str(tmp_path / "d.zip")]) == 2
    assert "inside of the dossier" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["d.zip"]


@pytest.mark.parametrize(
    "words",
    [
        ["check", "latest", "--dossier", "x"],
        ["report", "--history", "--dossier", "x"],
        ["report", "--with-host"],
        ["check", "--dossier", "missing"],
    ],
)
def test_words_that_do_not_go_together_are_refused(words, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_raw_samples_alone_lead_to_the_figures(output, tmp_path, capsys):
    """A dossier whose samples are not those of its figures."""
    from tests.dossier.forging import renew_digests

    place = tmp_path / "d"
    main(["report", str(output), "--dossier", str(place)])
    first, second = sorted(place.glob("runs/*/samples/*.parquet"))
    shutil.copyfile(second, first)
    renew_digests(place)
    capsys.readouterr()

    assert main(["check", "--dossier", str(place)]) == 1
    assert "do not match" in " ".join(capsys.readouterr().out.split())
