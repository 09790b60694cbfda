"""``watch`` over the Unix socket of a process."""

from __future__ import annotations

import os
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
    assert "hung up" in err


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


def test_a_folder_that_others_may_write_is_refused(profiler, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    socket_path(1).parent.mkdir(mode=0o777)
    socket_path(1).parent.chmod(0o777)

    with pytest.raises(UsageError, match="this user alone"):
        WatchSocket(profiler).start()
