"""The command ``time``: its options, its files, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from inference_bench.cli import main

QUICK = ("--budget", "0.1", "--quiet")


def run(capsys, *words):
    code = main(["time", *words])
    found = capsys.readouterr()
    return code, found.out, found.err


def test_code_is_timed_with_its_set_up(capsys):
    code, out, _ = run(capsys, "-s", "x = 1", "-s", "y = 2", "x + y", "-r", "2", *QUICK)

    assert code == 0
    assert out.startswith("x + y: ")
    assert "median of 2 runs" in out
    assert "an empty execution takes" in out


def test_several_pieces_of_code_are_compared(capsys):
    code, out, _ = run(capsys, "sum(range(50))", "sum(range(5_000))", "-r", "4", "--json", *QUICK)
    found = json.loads(out)

    assert code == 0
    assert [of["name"] for of in found["results"]] == ["sum(range(50))", "sum(range(5_000))"]
    assert found["comparisons"][0]["ratio"] > 5
    assert found["comparisons"][0]["verdict"] == "SLOWER"


def test_the_number_of_executions_is_timeits(capsys):
    _, out, _ = run(capsys, "1", "-n", "5", "-r", "1", "--format", "json", *QUICK)

    assert json.loads(out)["results"][0]["executions"] == 5


def test_commands_are_timed_and_written_in_both_forms(capsys, tmp_path):
    theirs, own, table = (tmp_path / name for name in ("theirs.json", "own.json", "table.md"))
    words = ["-c", "sleep 0.01", "-c", "sleep 0.06", "-n", "short", "-r", "7", *QUICK]
    files = ["--export-json", theirs, "--export", f"json={own}", "--export", f"markdown={table}"]
    code, out, _ = run(capsys, *words, *map(str, files))

    assert code == 0
    assert "against short:\n  sleep 0.06: ×" in out and "SLOWER" in out
    assert "starting an empty shell takes" in out
    (short, long) = json.loads(theirs.read_text())["results"]
    assert (short["command"], long["command"]) == ("short", "sleep 0.06")
    assert short["min"] >= 0.01 and len(short["times"]) == 7
    assert json.loads(own.read_text())["results"][1]["median_ns"] >= 60e6
    assert "`sleep 0.06`" in table.read_text()


def test_parameters_make_commands(capsys):
    scan = ("-P", "n", "1", "2", "-D", "0.5")
    _, out, _ = run(capsys, "-c", "true {n} {word}", *scan, "-L", "word", "a,b", "-r", "1", "--format", "csv", *QUICK)
    heads, *lines = out.splitlines()

    assert heads.startswith("name,parameter_n,parameter_word,median_ns")
    pairs = [("1", "a"), ("1", "b"), ("1.5", "a"), ("1.5", "b"), ("2.0", "a"), ("2.0", "b")]
    assert [tuple(line.split(",")[1:3]) for line in lines] == pairs


def test_a_reference_comes_first_and_hooks_may_be_one_for_each(capsys, tmp_path):
    words = ("--reference", "true", "-c", "false", "-i", "-r", "1", "--sort", "command", *QUICK)
    hooks = ("-p", f"touch {tmp_path}/a", "-p", f"touch {tmp_path}/b")
    code, out, _ = run(capsys, *words, *hooks)

    assert code == 0
    assert out.index("true: ") < out.index("false: ")
    assert "false: 1 of 1 run ended with another exit code than 0" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_the_unit_and_silence(capsys):
    _, out, _ = run(capsys, "-c", "sleep 0.01", "-r", "3", "-u", "second", *QUICK)
    assert out.startswith("sleep 0.01: 0.01")

    assert run(capsys, "-c", "true", "-r", "1", "--style", "none", *QUICK)[1] == ""


def test_a_setup_that_another_may_undo_is_warned_of(capsys):
    words = ("-c", "true", "-c", "true 2", "-s", "true", "-r", "1", *QUICK)

    assert "if one undoes another's, add --blocks" in run(capsys, *words)[2]
    assert "--blocks" not in run(capsys, *words, "--blocks")[2]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "time: got nothing, expected CODE or --command CMD"),
        (["-p", "x + 1"], 2, "Processor time instead of wall time is not offered"),
        (["1", "-c", "ls"], 2, "got both CODE '1' and --command"),
        (["1", "--warmup", "3"], 2, "--warmup is for commands"),
        (["1", "--output", "inherit"], 2, "--output is for commands"),
        (["1", "-n", "x"], 2, "number: got 'x', expected a whole number"),
        (["x"], 1, "time 'x': NameError: name 'x' is not defined."),
        (["-c", "exit 3"], 1, "command 'exit 3': ended with exit code 3, expected exit code 0"),
        (["-c", "ls", "-P", "n", "1", "3"], 2, "parameter 'n': got no command with {n}"),
        (["-c", "ls {n}", "-P", "n", "3", "1"], 2, "expected 1 to 10000 values from MIN up to MAX"),
        (["-c", "ls {n}", "-P", "n", "a", "1"], 2, "expected three numbers"),
        (["-c", "ls", "-n", "a", "-n", "b"], 2, "--command-name: got 2 names for 1 commands"),
        (["-c", "a", "-c", "b", "-c", "c", "-p", "d", "-p", "e"], 2, "--prepare: got 2 for 3 commands"),
        (["-c", "a", "-s", "b", "-s", "c"], 2, "--setup: got 2 commands, expected one. Join them by &&."),
        (["-c", "a", "-m", "5", "-M", "3"], 2, "max runs: got 3, expected at least --min-runs (5)"),
        (["1", "--export", "csv"], 2, "export: got 'csv', expected FORMAT=FILE"),
        (["1", "--export", "xml=a"], 2, "unknown format 'xml'"),
        (["1", "--export", "csv=/nowhere/a"], 2, "export: got '/nowhere/a', expected a file in a folder that exists"),
        (["1", "-u", "hours"], 2, "unknown unit 'hours'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(capsys, words, code, message):
    found, out, errors = run(capsys, *words, "--quiet")

    assert (found, out) == (code, "")
    assert errors.startswith("error: ") and errors.count("\n") == 1
    assert message in errors


def test_an_interruption_shows_what_was_measured_and_ends_the_command(tmp_path):
    pids = tmp_path / "pids"
    line = f"echo $$ >> {pids}; [ $(wc -l < {pids}) -lt 4 ] || sleep 60"
    command = [sys.executable, "-m", "inference_bench", "time", "-c", line, "--cleanup", f"touch {tmp_path}/cleaned"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while not pids.exists() or len(pids.read_text().split()) < 4:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
    finally:
        process.kill()

    assert process.returncode == 130, errors
    assert "median of 3 runs" in out and "NOT converged: interrupted" in out
    assert "note: interrupted: what was measured so far" in out
    assert (tmp_path / "cleaned").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids.read_text().split()[-1]), 0)


def test_a_setting_of_run_does_not_become_the_output_of_commands(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("INFERENCE_BENCH_OUTPUT", str(tmp_path / "runs"))
    assert run(capsys, "-c", "echo x", "-r", "1", *QUICK)[0] == 0

    assert not (tmp_path / "runs").exists()
