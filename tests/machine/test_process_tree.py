"""Whatever a process starts ends with it: the ways in which programs start others, each with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from inference_bench.machine.process_tree import MARK, ProcessTree
from inference_bench.machine.subprocesses import PYTHON, package_environment

_SLEEP = "import os, time; open({place!r} + '/' + str(os.getpid()), 'w').close(); time.sleep(600)"
_FORK = "multiprocessing.get_context('fork').Process(target=exec, args=(sleep,)).start()"
_PROGRAM = "subprocess.Popen([sys.executable, '-c', sleep]"
_NESTED = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
_WAYS = {
    "fork": "if os.fork() == 0: exec(sleep)",
    "multiprocessing": f"import multiprocessing; {_FORK}",
    "program": f"{_PROGRAM})",
    "session of its own": f"{_PROGRAM}, start_new_session=True)",
    "daemon": "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: exec(sleep)\n    os._exit(0)",
    "no environment": f"{_PROGRAM}, env={{}})",
    "grandchild": f"subprocess.Popen([sys.executable, '-c', {_NESTED!r}, sleep])",
    "threads": f"import threading; threading.Thread(target=lambda: {_PROGRAM})).start()",
}


def _code(way: str, place: Path) -> str:
    sleep = _SLEEP.format(place=str(place))
    return f"import os, subprocess, sys, time\nsleep = {sleep!r}\n{_WAYS[way]}\ntime.sleep(600)"


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _wait_for_child(place: Path) -> int:
    while not (found := os.listdir(place)):
        time.sleep(0.01)
    return int(found[0])


def _assert_ends(pid: int) -> None:
    deadline = time.monotonic() + 30
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _is_alive(pid)


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("parent", ["lives", "was killed"])
def test_what_a_process_has_started_ends_with_its_tree(tmp_path, way, parent):
    tree = ProcessTree()
    tree.begin()
    process = subprocess.Popen(
        [*PYTHON, "-c", _code(way, tmp_path)], env=tree.environment(os.environ), start_new_session=True
    )
    tree.begin(process.pid)
    child = _wait_for_child(tmp_path)
    if parent == "was killed":
        process.kill()
        process.wait()
    tree.end(process.pid)
    process.wait()

    _assert_ends(child)


@pytest.mark.parametrize("way", _WAYS)
def test_a_tree_ends_when_the_process_that_began_it_is_killed(tmp_path, way):
    code = (
        "import os, subprocess, sys; from inference_bench.machine.process_tree import ProcessTree\n"
        "tree = ProcessTree(); tree.begin()\n"
        f"child = subprocess.Popen([sys.executable, '-c', {_code(way, tmp_path)!r}], env=tree.environment(os.environ),"
        " start_new_session=True)\n"
        "tree.begin(child.pid); child.wait()"
    )
    owner = subprocess.Popen([*PYTHON, "-c", code], env=package_environment(os.environ))
    child = _wait_for_child(tmp_path)
    owner.kill()
    owner.wait()

    _assert_ends(child)


def test_a_tree_that_has_ended_is_forgotten():
    """A later process with its mark outlives the process that began the tree."""
    code = (
        "import os, subprocess, sys; from inference_bench.machine.process_tree import ProcessTree\n"
        "tree = ProcessTree('kept'); tree.begin(); tree.begin(1 << 22); tree.end(None)\n"
        f"late = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], stdout=subprocess.DEVNULL,"
        f" env=os.environ | {{{MARK!r}: 'kept'}})\n"
        "print(late.pid)"
    )
    done = subprocess.run(
        [*PYTHON, "-c", code], env=package_environment(os.environ), stdout=subprocess.PIPE, text=True, check=True
    )
    late = int(done.stdout)

    assert _is_alive(late)
    os.kill(late, signal.SIGKILL)


def test_a_tree_inside_a_tree_keeps_the_outer_mark():
    inner = ProcessTree("inner").environment(ProcessTree("outer").environment({}))

    assert inner[MARK] == "outer,inner"


def test_an_inner_tree_ends_with_the_outer_one(tmp_path):
    inner = (
        "import os, subprocess, sys; from inference_bench.machine.process_tree import ProcessTree\n"
        f"subprocess.run([sys.executable, '-c', {_SLEEP.format(place=str(tmp_path))!r}],"
        " env=ProcessTree().environment(os.environ), start_new_session=True)"
    )
    tree = ProcessTree()
    process = subprocess.Popen(
        [*PYTHON, "-c", inner], env=tree.environment(package_environment(os.environ)), start_new_session=True
    )
    child = _wait_for_child(tmp_path)
    tree.end(process.pid)
    process.wait()

    _assert_ends(child)
