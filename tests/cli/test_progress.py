"""The live display, in a real terminal of a given width."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

RUN = ("--model", "null", "--benchmark", "inference_speed", "--input-lengths", "16", "--new-tokens", "4,8")


def in_terminal(columns, *words):
    """Run a command whose standard error is a terminal, and return what it drew."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    command = [sys.executable, "-m", "inference_bench", "run", *RUN, *words]
    child = subprocess.Popen(
        command, stderr=slave, stdout=subprocess.DEVNULL, env={**environment, "TERM": "xterm-256color"}
    )
    os.close(slave)
    drawn = b""
    while True:
        try:
            drawn += os.read(master, 65536)
        except OSError:  # the last writer has gone
            break
    os.close(master)
    assert child.wait(timeout=60) == 0
    return re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", drawn.decode())


def frames(drawn):
    """The lines of the live part: those that begin with the bar, and what follows each."""
    return [line for line in re.split(r"[\r\n]+", drawn) if line.strip()]


@pytest.mark.parametrize("columns", [40, 120])
def test_the_display_keeps_to_the_terminal_and_tells_how_far_it_is(columns, tmp_path):
    drawn = in_terminal(columns, "--budget", "0.9", "--min-samples", "1000000", "--runs", "2", "--output", tmp_path)

    bars = [line for line in frames(drawn) if "━" in line]
    assert bars
    assert all(len(line.rstrip()) <= columns for line in bars)
    assert any(re.search(r"[1-3]/4  0:\d\d  about 0:\d\d left", line) for line in bars)
    assert "loaded ahead: null" in drawn
    assert re.search(r"peak [\d.,]+ [KMG]iB", drawn)  # whole, however narrow the screen
    assert "TTFT" in drawn


def test_for_programs_the_same_is_a_json_object_a_line(tmp_path):
    command = [sys.executable, "-m", "inference_bench", "run", *RUN, "--budget", "0.5", "--runs", "2", "--log-json"]
    done = subprocess.run(
        [*command, "--min-samples", "1000000", "--output", tmp_path], capture_output=True, text=True, timeout=60
    )

    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert any(event["event"] == "loading_ahead" and event["models"] for event in events)
    peaks = [event["peak_rss_bytes"] for event in events if event["event"] == "case_progress"]
    assert peaks and all(peak > 1 << 20 for peak in peaks)
