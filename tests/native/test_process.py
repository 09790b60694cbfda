"""What the native parts do when the process around them forks, exits, or holds more than one interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inference_bench import _native
from tests.children import run_in_child

if TYPE_CHECKING:
    pass

TESTS = Path(__file__).parents[1]
_APART = (Path(__file__).name, "test_native_cpp.py", "test_gpu_events.py")
HOUR_NS = 3_600_000_000_000


def run_python(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", f"from inference_bench import _native\n{code}"],
        capture_output=True,
        text=True,
        timeout=120,
    )


def assert_quiet(done: subprocess.CompletedProcess[str], expected: str = "") -> None:
    """It ended by itself, and nothing was said on the way out."""
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


# ---- fork


def test_a_forked_child_sees_a_waiting_pacer_stopped_with_its_records():
    pacer = _native.Pacer.trace([0, 0, HOUR_NS])
    assert [pacer.wait(), pacer.wait()] == [0, 1]
    waiter = threading.Thread(target=pacer.wait)
    waiter.start()

    def check() -> None:
        assert pacer.done
        assert pacer.wait() is None
        assert pacer.columns()["index"].tolist() == [0, 1]
        pacer.stop()
        assert list(_native.Pacer.trace([0, 1])) == [0, 1]

    assert run_in_child(check) == 0
    assert not pacer.done
    pacer.stop()
    waiter.join()


def test_a_forked_child_neither_wakes_its_parent_nor_takes_its_ticks():
    pacer = _native.Pacer.trace([0, 100_000_000])
    descriptor = pacer.open_eventfd()

    def check() -> None:
        assert pacer.done
        with pytest.raises(RuntimeError, match="no open eventfd"):
            pacer.take()
        with suppress(FileNotFoundError):  # closed here: its counter is the parent's
            assert "eventfd" not in os.readlink(f"/proc/self/fd/{descriptor}")
        pacer.close()

    assert run_in_child(check) == 0
    taken: list[int] = []
    while not pacer.done:
        os.set_blocking(descriptor, True)
        os.eventfd_read(descriptor)
        taken += pacer.take()
    pacer.close()
    assert taken == [0, 1]


def test_forks_while_pacers_come_and_go_do_not_deadlock():
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            with _native.Pacer.poisson(20_000, 20, seed=1) as pacer:
                pacer.open_eventfd()
                pacer.take()
            list(_native.Pacer.poisson(20_000, 20, seed=1))

    def check() -> None:
        assert list(_native.Pacer.trace([0, 1])) == [0, 1]
        with _native.Pacer.trace([HOUR_NS]) as pacer:
            pacer.open_eventfd()

    threads = [threading.Thread(target=churn) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert [run_in_child(check) for _ in range(20)] == [0] * 20
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_grandchild_is_as_good_as_a_child():
    sampler = _native.MemorySampler(interval_ns=1_000_000)

    def grandchild() -> None:
        assert not sampler.running
        with sampler:
            sampler.mark_phase("grandchild")
        assert list(_native.Pacer.constant(10_000, 3)) == [0, 1, 2]

    def child() -> None:
        with sampler:
            sampler.mark_phase("child")
            assert run_in_child(grandchild) == 0

    with sampler:
        assert run_in_child(child) == 0


def test_multiprocessing_by_fork_ends_cleanly():
    # Unlike os._exit, this runs the interpreter's own shutdown in a child whose native threads did not come along.
    code = """
import multiprocessing
def work(queue):
    queue.put([sampler.running, pacer.done, list(_native.Pacer.trace([0]))])
sampler = _native.MemorySampler(interval_ns=1_000_000)
pacer = _native.Pacer.trace([3_600_000_000_000])
sampler.start()
pacer.open_eventfd()
context = multiprocessing.get_context("fork")
queue = context.SimpleQueue()
process = context.Process(target=work, args=[queue])
process.start()
print(queue.get())
process.join(60)
print(process.exitcode)
"""
    assert_quiet(run_python(code, "-W", "ignore::DeprecationWarning"), "[False, True, [0]]\n0\n")


# ---- the interpreter's exit


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("s = _native.MemorySampler(interval_ns=100_000); s.start(); s.mark_phase('x')", id="sampler"),
        pytest.param("p = _native.Pacer.constant(1e4, 10**6); p.open_eventfd()", id="pacer"),
        pytest.param(
            "all = [_native.MemorySampler(interval_ns=100_000) for _ in range(8)]; [s.start() for s in all]\n"
            "more = [_native.Pacer.poisson(1e4, 10**6, seed=i) for i in range(8)]; [p.open_eventfd() for p in more]",
            id="many",
        ),
        pytest.param(
            "s = _native.MemorySampler(interval_ns=100_000); s.start()\n"
            "p = _native.Pacer.constant(1e4, 10**6); p.open_eventfd()\n"
            "cycle = [s, p]; cycle.append(cycle); del s, p, cycle",
            id="in a cycle",
        ),
        pytest.param("import sys; s = _native.MemorySampler(); s.start(); sys.exit(0)", id="sys.exit"),
        pytest.param("import os; s = _native.MemorySampler(); s.start(); os._exit(0)", id="os._exit"),
        pytest.param("import atexit; s = _native.MemorySampler(); atexit.register(s.start)", id="started at exit"),
        pytest.param(
            "import atexit; p = _native.Pacer.constant(1e4, 10**6); atexit.register(p.open_eventfd)",
            id="paced at exit",
        ),
    ],
)
def test_the_interpreter_may_exit_while_native_threads_run(code: str):
    assert_quiet(run_python(code))


@pytest.mark.parametrize("rate", [1e-3, 1e4])
def test_the_interpreter_may_exit_while_daemon_threads_wait(rate: float):
    # Python unwinds such a thread when it asks for the GIL back; a C++ destructor in the way would abort the process.
    code = f"""
import threading, time
pacer = _native.Pacer.constant({rate}, 10**4)
for _ in range(4):
    threading.Thread(target=lambda: [None for _ in pacer], daemon=True).start()
while pacer.start_ns is None:
    time.sleep(0.001)
"""
    for _ in range(3):
        assert_quiet(run_python(code))


def test_objects_may_be_dropped_while_they_run():
    for i in range(200):
        _native.MemorySampler(interval_ns=100_000).start()
        _native.Pacer.poisson(1e4, 1_000, seed=i).open_eventfd()


# ---- imports


def test_it_may_be_imported_in_two_threads_first():
    code = """
import threading
def use():
    from inference_bench import _native
    with _native.MemorySampler() as sampler:
        sampler.mark_phase("thread")
    done.append((len(sampler.phases()), list(_native.Pacer.trace([0])), _native.now_ns() > 0))
done = []
threads = [threading.Thread(target=use) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(done)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert_quiet(done, "[(1, [0], True), (1, [0], True)]\n")


def test_it_may_be_imported_again():
    code = """
import sys
pacer = _native.Pacer.trace([0, 1])
del sys.modules["inference_bench._native"]
import inference_bench
del inference_bench._native
from inference_bench import _native as again
print(list(pacer), list(again.Pacer.trace([0])), again.now_ns() > _native.now_ns() - 10**9)
"""
    assert_quiet(run_python(code), "[0, 1] [0] True\n")


SUB_INTERPRETER = """
try:
    import _interpreters as interpreters  # 3.13
except ImportError:
    import _xxsubinterpreters as interpreters
import sys
attempt = f'''
import sys
sys.path[:] = {sys.path!r}
try:
    from inference_bench import _native
except ImportError as error:
    print("refused:", error, flush=True)
else:
    print("imported", flush=True)
'''
for _ in range(3):
    interpreter = interpreters.create()
    interpreters.run_string(interpreter, attempt)
    interpreters.destroy(interpreter)
"""


@pytest.mark.parametrize("first", ["main", "sub"])
def test_a_sub_interpreter_is_refused_and_leaves_the_main_one_whole(first: str):
    use = """
from inference_bench import _native
with _native.MemorySampler() as sampler:
    sampler.mark_phase("main")
columns = sampler.columns()["rss_bytes"].tolist()
print(len(sampler.phases()), list(_native.Pacer.trace([0, 1])), _native.TickRecorder(1).capacity)
"""
    code = use + SUB_INTERPRETER + use if first == "main" else SUB_INTERPRETER + use
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    refusals = [line for line in said if line.startswith("refused:")]
    assert len(refusals) == 3
    assert all("interpreter" in line for line in refusals)
    assert [line for line in said if line not in refusals] == ["1 [0, 1] 1"] * (2 if first == "main" else 1)


# ---- python -X dev


@pytest.mark.slow
def test_the_native_tests_pass_in_development_mode():
    # Debug hooks on every allocation, faulthandler, and warnings for what is left open.
    tests = [str(path) for path in sorted(Path(__file__).parent.glob("test_*.py")) if path.name not in _APART]
    command = [sys.executable, "-X", "dev", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not gpu", *tests]
    done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
