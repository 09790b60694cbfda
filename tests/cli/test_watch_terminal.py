"""``watch`` on a real terminal: what the screen shows, what keys do, and the state that it leaves."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pyte
import pytest

from inference_bench.live import Profiler
from inference_bench.live.exchange import HttpSeries
from inference_bench.live.generation import Generation, GenerationSeries
from inference_bench.live.watch_socket import WatchSocket

ANSWER_S = 12
"""Longest wait for a screen; it takes less than one."""
SIZES = [(80, 24), (200, 50), (40, 10)]


class Seen:
    """``watch`` as a person sees it: a terminal of a size, its screen, and keys."""

    def __init__(self, *words, columns=80, lines=24, command=()):
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._master, slave = pty.openpty()
        self.resize(columns, lines, tell=False)
        self.modes = termios.tcgetattr(slave)
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.child = subprocess.Popen(
            command or [sys.executable, "-m", "inference_bench", "watch", "--interval", "0.1", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave if command else subprocess.PIPE,
            env={**environment, "TERM": "xterm-256color"},
            preexec_fn=_own_session,
        )
        self._slave = slave

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        if self.child.stderr is not None:
            self.child.stderr.close()
        os.close(self._slave)
        os.close(self._master)

    def resize(self, columns, lines, tell=True):
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)
        if tell:
            self.child.send_signal(signal.SIGWINCH)

    def press(self, keys):
        os.write(self._master, keys)

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def until(self, holds):
        """Read until the screen holds what is asked for, and return its lines."""
        end = time.monotonic() + ANSWER_S
        while not holds("\n".join(self.lines)):
            assert time.monotonic() < end, "\n".join(self.lines)
            self._read()
        return self.lines

    def _read(self):
        if select.select([self._master], [], [], 0.1)[0]:
            part = os.read(self._master, 1 << 16)
            self.raw += part
            self._stream.feed(part)

    def ended(self):
        """Read the rest, and return the exit code and the standard error."""
        end = time.monotonic() + ANSWER_S
        while self.child.poll() is None:
            assert time.monotonic() < end
            self._read()
        while select.select([self._master], [], [], 0)[0]:
            self._read()
        return self.child.returncode, self.child.stderr.read().decode() if self.child.stderr else ""

    def assert_restored(self):
        assert termios.tcgetattr(self._slave) == self.modes
        assert self.raw.rindex(b"\x1b[?1049l") > self.raw.rindex(b"\x1b[?1049h")
        assert self.raw.rindex(b"\x1b[?25h") > self.raw.rindex(b"\x1b[?25l")


def _own_session():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture(scope="module")
def server():
    """Serve what a chat server records; 45 series."""
    with Profiler("chat", budget=1.0) as profiler, WatchSocket(profiler):
        series = HttpSeries(profiler.book)
        for route in ("/v1/chat/completions", "/v1/chat/completions/{id}", "/v1/embeddings"):
            for status in (200, 422):
                found = series.of(route, "POST", status)
                found.responses.inc()
                found.request.observe_ns(3_000_000)
        with profiler.request():
            generation = Generation(GenerationSeries(profiler.book, profiler.sampling, "smollm2_135m_instruct"))
            for _ in range(6):
                generation.iterate()
            generation.finish((1, 8), None)
        for number in range(3):
            profiler.histogram("gc_pause", generation=number).observe_ns(100_000 * (number + 1))
        profiler.attach_memory()
        yield profiler


def rows_of(lines):
    """Return the names of rows: lines between the headings of the columns and the last line."""
    return [line for line in lines[2:-1] if line and "more rows" not in line]


@pytest.mark.parametrize(("columns", "height"), SIZES)
def test_every_row_is_told_from_the_others_at_any_size(server, columns, height):
    with Seen(str(os.getpid()), columns=columns, lines=height) as seen:
        lines = seen.until(lambda text: "q quit" in text and "requests ·" in text)

        assert len(lines) == height and "…" not in lines[0]
        names = [line[: seen.screen.columns - 20].rsplit("  ", 1)[0] for line in rows_of(lines)]
        assert len(set(names)) == len(names)
        seen.press(b"q")
        assert seen.ended() == (0, "")
        seen.assert_restored()


def test_constant_labels_stand_once_in_the_heading(server):
    with Seen(str(os.getpid()), lines=60) as seen:
        text = "\n".join(seen.until(lambda text: "q quit" in text and "gc_pause" in text))

    assert "requests · POST\n" in text.replace(" \n", "\n")
    assert "model · smollm2_135m_instruct" in text
    assert text.count("smollm2_135m_instruct") == 1
    assert text.count("POST") == 1
    assert "http_request /v1/embeddings 422" in text
    assert "more rows" not in text


def test_what_does_not_fit_is_counted_and_reached(server):
    with Seen(str(os.getpid())) as seen:
        first = seen.until(lambda text: "more rows below: ↓, or / to filter" in text)
        seen.press(b"\x1b[B")
        second = seen.until(lambda text: "1 above: ↑" in text)
        assert second[2].startswith("requests ·")  # the heading of the first row stays
        assert first[3] not in second
        seen.press(b"\x1b[F")
        last = seen.until(lambda text: "more rows below" not in text and "above: ↑" in text)
        assert any("rss_peak_hwm_bytes" in line for line in last)
        seen.press(b"\x1b[H")
        seen.until(lambda text: "above: ↑" not in text)


def test_keys_filter_sort_group_and_help(server):
    with Seen(str(os.getpid())) as seen:
        seen.until(lambda text: "q quit" in text)
        seen.press(b"/gc_p")
        seen.until(lambda text: "/gc_p▏" in text)
        seen.press(b"quxx\x7f\x7f\x7f\x7f\r")  # q is a letter here
        filtered = seen.until(lambda text: "/ filter: gc_p" in text)
        assert [line.split()[:2] for line in rows_of(filtered)[1:]] == [
            ["gc_pause", f"generation={n}"] for n in range(3)
        ]
        for sort in ("name", "rate", "total", "p50", "p99", "kind"):
            seen.press(b"s")
            seen.until(lambda text, sort=sort: f"s sort: {sort}" in text)
        seen.press(b"\x1b")
        seen.until(lambda text: "requests ·" in text)
        seen.press(b"g")
        seen.until(lambda text: "requests ·" not in text)
        seen.press(b"?")
        seen.until(lambda text: "the watched process goes on" in text)
        seen.press(b"?q")
        assert seen.ended() == (0, "")


def test_a_filter_that_finds_nothing_says_so(server):
    with Seen(str(os.getpid()), "--filter", "nothing like it") as seen:
        seen.until(lambda text: "no row has the words 'nothing like it'" in text)


def test_a_new_size_draws_anew(server):
    with Seen(str(os.getpid())) as seen:
        seen.until(lambda text: "q quit" in text)
        for columns, height in ((60, 12), (120, 60), (10, 2), (80, 24)):
            seen.resize(columns, height)
            seen.until(lambda _, height=height: len(seen.lines) == height and "q quit" in seen.lines[-1])


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGQUIT, 131), (signal.SIGHUP, 129)],
)
def test_a_signal_gives_the_terminal_back(server, number, code):
    with Seen(str(os.getpid())) as seen:
        seen.until(lambda text: "q quit" in text)
        seen.child.send_signal(number)
        assert seen.ended()[0] == code
        seen.assert_restored()


def test_ctrl_z_gives_the_terminal_back_until_fg(server):
    with Seen(command=["bash", "--norc", "--noprofile", "-i"]) as seen:
        seen.press(f"{sys.executable} -m inference_bench watch {os.getpid()}\r".encode())
        seen.until(lambda text: "q quit" in text)
        for _ in range(2):
            entered = seen.raw.rindex(b"\x1b[?1049h")
            seen.press(b"\x1a")
            seen.until(lambda _, entered=entered: b"Stopped" in seen.raw[seen.raw.rfind(b"\x1b[?1049l", entered) :])
            assert seen.raw.rindex(b"\x1b[?1049l") > entered
            stopped = len(seen.raw)
            seen.press(b"fg\r")
            seen.until(lambda _, stopped=stopped: b"\x1b[?1049h" in seen.raw[stopped:] and "q quit" in seen.lines[-1])
        seen.press(b"q")
        seen.until(lambda _: seen.raw.rindex(b"\x1b[?1049l") > seen.raw.rindex(b"\x1b[?1049h"))
        seen.press(b"exit $?\r")
        assert seen.ended()[0] == 0


def test_a_process_that_ends_gives_the_terminal_back_with_one_line():
    code = "import sys; from inference_bench.live import *; from inference_bench.live.watch_socket import WatchSocket\n"
    code += "with Profiler('x') as p, WatchSocket(p): print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as served:
        served.stdout.readline()
        with Seen(str(served.pid)) as seen:
            seen.until(lambda text: "q quit" in text)
            served.stdin.close()
            status, err = seen.ended()
            assert (status, err.count("\n")) == (1, 1)
            assert "closed the connection" in err
            seen.assert_restored()


def test_several_processes_have_rows_of_their_own_and_one_may_end(server):
    code = "import sys; from inference_bench.live import *; from inference_bench.live.watch_socket import WatchSocket\n"
    code += "with Profiler('chat') as p, WatchSocket(p): p.counter('hits').inc(); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with Seen(str(os.getpid()), str(other.pid), columns=120, lines=80) as seen:
            seen.until(lambda text: f"process {other.pid} · application" in text)
            seen.until(lambda text: f"process {os.getpid()} · model · smollm2_135m_instruct" in text)
            other.stdin.close()
            seen.until(lambda text: f"process {other.pid} closed the connection" in text)
            seen.press(b"q")
            assert seen.ended() == (0, "")


def test_without_a_terminal_texts_follow_each_other(server):
    command = [sys.executable, "-m", "inference_bench", "watch", str(os.getpid()), "--interval", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as plain:
        heads = []
        while len(heads) < 3:
            line = plain.stdout.readline()
            assert "\x1b" not in line
            heads += [line] if line.startswith("chat · process") else []
        plain.kill()

    assert "since its start" in heads[0]
    assert "last 0." in heads[1]
