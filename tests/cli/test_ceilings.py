"""The command ``ceilings``, with ceilings that are known: it then measures nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inference_bench.ceilings import Ceilings, GemvRate, Interval, MachineLoad, MatmulRate, ReadBandwidth
from inference_bench.cli._ceilings_table import ceilings_lines
from inference_bench.cli._main import main
from inference_bench.machine.environment import describe_environment
from inference_bench.results.ceilings_store import load_ceilings, store_ceilings
from inference_bench.results.run import load_run

NOW = datetime.now(UTC)
BUSY = MachineLoad(others_cpus=0.83, stolen=0.0)


def known(threads=(1, 2)) -> Ceilings:
    return Ceilings(
        fingerprint=str(describe_environment()["fingerprint"]),
        device="cpu",
        measured_utc=NOW.isoformat(),
        read=tuple(ReadBandwidth(count, 1 << 20, Interval(9.94e10, 9.9e10, 1e11)) for count in threads),
        matmul=tuple(MatmulRate("float32", count, Interval(2.5e11, 2.4e11, 2.6e11)) for count in threads),
        gemv=tuple(GemvRate("int8_dynamic", count, 4096**2, Interval(7.12e9, 6.92e9, 7.38e9)) for count in threads),
        operation_ns=Interval(900.0, 890.0, 910.0),
        drift=0.021,
    )


@pytest.fixture
def state(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    store_ceilings(known())
    return tmp_path


def test_known_ceilings_are_shown(state, capsys):
    assert main(["ceilings"]) == 0
    out = capsys.readouterr().out
    assert "1.00 MiB     99.4 [99, 100]  99.4 [99, 100]" in out
    assert "float32  250 [240, 260]  250 [240, 260]" in out
    assert "int8_dynamic, 4096  7.12 [6.92, 7.38]  7.12 [6.92, 7.38]" in out
    assert "900 ns [890 ns, 910 ns]" in out
    assert "up to 2.1%" in out


def test_json_has_every_field(state, capsys):
    assert main(["ceilings", "--json", "--threads", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["read"][0] == {
        "threads": 1,
        "working_set_bytes": 1 << 20,
        "bytes_per_s": {"value": 9.94e10, "low": 9.9e10, "high": 1e11},
    }
    assert found["launch_ns"] is None


def test_a_wide_machine_stays_within_eighty_columns():
    wide = known(tuple(1 << power for power in range(8)))
    lines = list(ceilings_lines(wide))
    assert max(map(len, lines)) <= 80
    assert sum("working set" in line for line in lines) == 3
    assert "128 threads" in "\n".join(lines)


def test_old_ceilings_are_measured_again(state, capsys, monkeypatch):
    monkeypatch.setattr("inference_bench.orchestration.ceilings.present_load", MachineLoad)
    store_ceilings(replace(known(), measured_utc=(NOW - timedelta(days=31)).isoformat()))
    asked = []

    def measured(device, **options):
        asked.append((device, options["threads"]))
        return known()

    monkeypatch.setattr("inference_bench.orchestration.ceilings.measure_ceilings", measured)
    assert main(["ceilings"]) == 0
    assert main(["ceilings"]) == 0
    assert main(["ceilings", "--again"]) == 0
    assert main(["ceilings", "--threads", "64"]) == 0
    assert asked == [("cpu", ()), ("cpu", ()), ("cpu", (64,))]


def test_what_was_measured_on_a_busy_machine_is_marked_and_replaces_no_calm_ones(state, capsys, monkeypatch):
    busy = replace(known(), operation_ns=Interval(1900.0, 1800.0, 2000.0), load=BUSY)
    monkeypatch.setattr("inference_bench.orchestration.ceilings.measure_ceilings", lambda *_, **__: busy)

    assert main(["ceilings", "--again"]) == 0
    shown = capsys.readouterr()
    assert "measured on a busy machine (other processes used 0.83 CPUs)" in shown.out
    assert "1.90 µs" in shown.out
    assert "not kept: the machine was busy" in shown.err
    assert load_ceilings(busy.fingerprint, "cpu") == known()

    assert main(["ceilings", "--again", "--force"]) == 0
    assert "kept in" in capsys.readouterr().err
    assert load_ceilings(busy.fingerprint, "cpu") == busy
    assert main(["env"]) == 0
    assert "on a busy machine (other processes used 0.83 CPUs)" in capsys.readouterr().out


@pytest.mark.parametrize(("now", "measured"), [(MachineLoad(), 1), (BUSY, 0)], ids=["calm", "busy"])
def test_doubtful_ones_are_measured_again_once_the_machine_is_calm(state, capsys, monkeypatch, now, measured):
    store_ceilings(replace(known(), load=BUSY), force=True)
    asked = []

    def measure(*_, **__):
        asked.append(1)
        return known()

    monkeypatch.setattr("inference_bench.orchestration.ceilings.measure_ceilings", measure)
    monkeypatch.setattr("inference_bench.orchestration.ceilings.present_load", lambda: now)

    assert main(["ceilings"]) == 0
    assert len(asked) == measured
    assert ("busy machine" in capsys.readouterr().out) == (not measured)


def test_an_interruption_leaves_what_was_known(state, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("inference_bench.orchestration.ceilings.measure_ceilings", interrupted)
    assert main(["ceilings", "--again"]) == 130
    assert "unchanged" in capsys.readouterr().err
    assert load_ceilings(known().fingerprint, "cpu") == known()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dtype", "float31"], "float31"),
        (["--threads", "0"], "threads"),
        (["--device", "abacus"], "abacus"),
        (["--device", "cpu:1"], "cpu:1"),
        (["--format", "html"], "html"),
    ],
)
def test_bad_input_is_one_line(state, capsys, words, message):
    assert main(["ceilings", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_env_says_whether_they_are_known(state, capsys, monkeypatch, tmp_path):
    assert main(["env"]) == 0
    assert f"measured {NOW.isoformat()}" in capsys.readouterr().out
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    assert main(["env", "--json"]) == 0
    assert "not measured" in json.loads(capsys.readouterr().out)["ceilings"]["cpu"]


def test_a_run_records_what_is_known(state, tmp_path, capsys):
    null = ["--model", "null", "--benchmark", "inference_speed", "--input-lengths", "16", "--new-tokens", "4"]
    assert main(["run", *null, "--budget", "0.05", "--runs", "1", "--output", str(tmp_path / "out")]) == 0
    (folder,) = (path for path in Path(tmp_path / "out").iterdir() if (path / "run.json").exists())
    assert load_run(folder).record.ceilings == (known(),)
