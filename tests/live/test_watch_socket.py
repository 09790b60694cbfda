"""``watch`` over the Unix socket of a process."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time

import pytest

from inference_bench.errors import UsageError
from inference_bench.live.watch_socket import WatchSocket, socket_path


def test_watch_over_the_socket(profiler):
    with WatchSocket(profiler) as listening:
        assert listening.path.stat().st_mode & 0o777 == 0o600
        assert listening.path.parent.stat().st_mode & 0o777 == 0o700
        with pytest.raises(UsageError, match="listens already"):
            listening.start()
        with profiler.span("decode"):
            profiler.gauge("cache_bytes").set(5 << 20)
        command = [sys.executable, "-m", "inference_bench", "watch", str(os.getpid()), "--once"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "decode" in done.stdout
    assert "5.00 MiB" in done.stdout
    assert not listening.path.exists()


def test_watch_follows_until_the_process_goes(profiler):
    command = [sys.executable, "-m", "inference_bench", "watch", str(os.getpid()), "--interval", "0.1"]
    with WatchSocket(profiler) as listening:
        watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        assert watching.poll() is None
        listening.stop()
        _, err = watching.communicate(timeout=20)

    assert watching.returncode == 1
    assert "closed the connection" in err


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["999999999"], 1, "WatchSocket(profiler).start()"),
        (["somewhere"], 2, "process id"),
        (["1", "--interval", "0"], 2, "0.05 to 3600"),
    ],
)
def test_watch_says_what_is_wrong(words, code, part):
    command = [sys.executable, "-m", "inference_bench", "watch", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert part in done.stderr


def widen(folder):
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)


UNUSABLE = {
    "others may write it": widen,
    "a file": lambda folder: folder.write_text(""),
    "a link": lambda folder: folder.symlink_to("/tmp"),
    "a dangling link": lambda folder: folder.symlink_to("/nowhere"),
}


@pytest.mark.parametrize("folder", UNUSABLE)
def test_a_server_starts_without_its_socket_where_the_folder_is_not_ours(profiler, tmp_path, monkeypatch, folder):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    UNUSABLE[folder](socket_path(1).parent)

    with pytest.warns(RuntimeWarning, match="`watch` cannot see this process"), WatchSocket(profiler) as listening:
        assert not listening.path.exists()


def test_a_path_that_is_too_long_for_a_socket_is_a_warning_and_the_next_start_works(profiler, tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    listening = WatchSocket(profiler)
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with pytest.warns(RuntimeWarning, match="AF_UNIX path too long"):
        listening.start()
    monkeypatch.setattr("tempfile.tempdir", None)
    with listening:
        assert listening.path.exists()


def test_a_second_socket_of_a_process_does_not_replace_the_first(profiler):
    with WatchSocket(profiler) as first:
        with pytest.raises(UsageError, match="listens already"):
            WatchSocket(profiler).start()
        assert first.path.exists()
    with WatchSocket(profiler) as second:
        assert second.path.exists()


def test_connections_beyond_the_limit_are_closed_and_the_rest_are_answered(profiler):
    with WatchSocket(profiler) as listening, contextlib.ExitStack() as opened:
        connections = []
        for _ in range(40):
            connection = opened.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(str(listening.path))
            connection.settimeout(10)
            connections.append(connection)
        answered = 0
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(b"\n")
                answered += connection.recv(10) != b""

    assert answered == 16


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_another_user_cannot_open_the_socket(profiler):
    ask = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    with WatchSocket(profiler) as listening:
        command = ["/usr/bin/env", "python3", "-c", ask, str(listening.path)]
        done = subprocess.run(command, capture_output=True, text=True, user=65534, cwd="/", check=False)

    assert "PermissionError" in done.stderr
