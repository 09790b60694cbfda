"""``report --watch``: a run is followed until it has ended or its process is gone."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest

from inference_bench.cli import main
from inference_bench.result import Status
from inference_bench.results.run_folder import create_run_folder, locked
from inference_bench.results.sink import open_sinks
from inference_bench.testing import make_case, make_record, make_result

LENGTHS = (8, 16, 32)
ANSWER_S = 120
"""Longest wait for what a watching process prints; it takes a second."""


class Writer:
    """A run of three cases that this process writes, case by case, as the orchestrator does."""

    def __init__(self, root):
        self.folder = create_run_folder(root)
        self.results = [
            make_result({"ttft": [[length * 1_000_000] * 40]}, case=make_case(input_length=length))
            for length in LENGTHS
        ]
        record = make_record(*self.results, id=self.folder.name)
        pending = tuple({**case, "status": "pending"} for case in record.cases)
        self.record = replace(record, cases=pending, finished=False, spec={"runs": 1})
        self.sink = open_sinks(self.folder)
        self.sink.begin(self.record)
        self.lock = ExitStack()
        self.lock.enter_context(locked(self.folder))

    def end_case(self, place):
        case = self.results[place].case
        cases = ({**of, "status": Status.OK.value} if of["id"] == case.id else of for of in self.record.cases)
        self.record = replace(self.record, cases=tuple(cases))
        self.sink.write(self.results[place], self.record)

    def finish(self):
        self.record = replace(self.record, finished=True)
        self.sink.finish(self.record)
        self.lock.close()


@pytest.fixture
def writer(tmp_path):
    found = Writer(tmp_path / "results")
    yield found
    found.lock.close()


def watching(tmp_path, *words, **streams):
    command = [sys.executable, "-m", "inference_bench", "report", "--results", str(tmp_path / "results"), "--watch"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen([*command, *words], text=True, **pipes)


def wait_for(holds):
    end = time.monotonic() + ANSWER_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_without_a_terminal_each_case_is_a_line_when_it_ends(tmp_path, writer):
    writer.end_case(0)
    with watching(tmp_path) as child:
        assert child.stdout.readline() == "[1/3] example inference speed (float32, input length 8): TTFT 8.00 ms\n"
        writer.end_case(1)
        assert child.stdout.readline().startswith("[2/3] example inference speed (float32, input length 16)")
        writer.end_case(2)
        assert child.stdout.readline().startswith("[3/3]")
        writer.finish()
        out, err = child.communicate(timeout=ANSWER_S)
    assert "Inference speed" in out  # the whole report, at the end
    assert err == "the run has ended: 3 of 3 cases\n"
    assert child.returncode == 0


def test_a_process_that_is_gone_is_told_from_the_end(tmp_path, writer):
    writer.end_case(0)
    with watching(tmp_path) as child:
        assert child.stdout.readline().startswith("[1/3]")
        writer.lock.close()  # as the system does when the process is killed
        out, err = child.communicate(timeout=ANSWER_S)
    assert "This run is unfinished" in out
    assert "no process measures this run any more, and it is unfinished: 1 of 3 cases." in err
    assert f"`run --resume {writer.folder.name}` measures the rest" in err


def test_a_page_is_written_anew_and_is_whole_at_every_instant(tmp_path, writer):
    page = tmp_path / "report.html"
    with watching(tmp_path, "--export", f"html={page}") as child:
        wait_for(page.exists)
        seen = set()
        for place in range(len(LENGTHS)):
            writer.end_case(place)
            wait_for(lambda place=place: f"in progress: {place + 1} of 3 cases" in page.read_text())
            seen.add(page.stat().st_ino)
            assert page.read_text().endswith("</html>\n")
        writer.finish()
        out, err = child.communicate(timeout=ANSWER_S)
    assert out == ""
    assert err.endswith("the run has ended: 3 of 3 cases\n")
    assert "in progress" not in page.read_text()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_ctrl_c_ends_the_watching_and_not_the_run(tmp_path, writer):
    writer.end_case(0)
    with watching(tmp_path) as child:
        assert child.stdout.readline().startswith("[1/3]")
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=ANSWER_S)
    assert (child.returncode, err) == (0, "no longer watching; the run goes on\n")
    assert all(line.startswith("[1/3]") for line in out.splitlines())


def test_a_terminal_shows_the_report_in_place(tmp_path, writer):
    master, slave = pty.openpty()
    drawn = b""
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    with watching(tmp_path, stdout=slave, env={**environment, "TERM": "xterm-256color"}) as child:
        os.close(slave)
        finished = False
        while True:
            try:
                part = os.read(master, 1 << 16)
            except OSError:  # the terminal's other side is closed
                break
            if not part:
                break
            drawn += part
            if b"0 of 3 cases" in drawn and writer.record.cases[0]["status"] == "pending":
                writer.end_case(0)
            if b"1 of 3 cases" in drawn and not finished:
                finished = True
                writer.finish()
        err = child.communicate(timeout=ANSWER_S)[1]
    os.close(master)
    assert "the run has ended" in err
    assert b"\x1b[2K" in drawn  # lines of the former drawing are erased
    assert drawn.rindex(b"Inference speed") > drawn.rindex(b"1 of 3 cases")  # the whole report stays


def test_a_run_that_has_ended_is_shown_once(tmp_path, writer, capsys):
    writer.end_case(0)
    writer.finish()
    assert main(["report", "--watch", str(writer.folder)]) == 0
    told = capsys.readouterr()
    assert told.out.count("[1/3]") == 1
    assert told.err == "the run has ended: 1 of 3 cases\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--format", "html"],
            "--watch with --format: got 'html', expected console. For a file that is written anew each time: --export",
        ),
        (["--history"], "one of the two"),
        (["--export", "html=nowhere/report.html"], "nowhere/report.html', expected a file in a folder"),
        (["--export", "html=."], "expected a file in a folder"),
        (["latest", "latest"], "runs: got 2, expected one with --watch"),
    ],
)
def test_what_cannot_be_watched_is_one_line(tmp_path, writer, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--results", "results", "--watch", *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_report_is_written_to_a_file(tmp_path, writer, capsys):
    writer.end_case(0)
    assert main(["report", str(writer.folder), "--export", f"markdown={tmp_path / 'report.md'}"]) == 0
    assert "## " not in capsys.readouterr().out
    assert "## " in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(("workers", "said"), [(1, "1 of at most 5"), (3, "3 of at most 5")])
def test_processes_count_when_every_case_was_measured_once(writer, workers, said):
    from inference_bench.results.run import Run

    cases = tuple({**case, "status": "ok"} for case in writer.record.cases)
    record = replace(writer.record, cases=cases, spec={"runs": 5})
    results = tuple(replace(result, workers=({},) * workers) for result in writer.results)
    assert Run(record, results).progress == f"3 of 3 cases, in {said} processes each"
    assert Run(replace(record, finished=True), results).progress == "3 of 3 cases"
