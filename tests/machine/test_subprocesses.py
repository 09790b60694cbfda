from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import inference_bench
from inference_bench.machine.interruption import InterruptedWorkError, Interruption
from inference_bench.machine.subprocesses import PYTHON, last_line, package_environment, run_python

_PACKAGE = Path(inference_bench.__file__).parent
_STARTERS = {"machine/subprocesses.py": '"-P"', "machine/process_tree.py": '"-I"', "timing/spawner.py": '"-I"'}
"""The files that start a Python, and the option with which it does not import from the current folder."""


def test_a_process_reads_and_writes_text():
    done = run_python("-c", "import sys; print(sys.stdin.read().upper()); sys.exit('no luck.')", text="some text")

    assert (done.returncode, done.stdout, last_line(done)) == (1, "SOME TEXT\n", "no luck")


def test_the_environment_is_what_was_given():
    done = run_python("-c", "import os; print(os.environ['OWN'])", environment={"OWN": "value"})

    assert done.stdout == "value\n"


def test_ticks_come_until_the_process_ends(tmp_path):
    mark = tmp_path / "ticked"
    code = f"import os, time\nwhile not os.path.exists({str(mark)!r}): time.sleep(0.01)\nprint('ended')"

    assert run_python("-c", code, tick=mark.touch).stdout == "ended\n"


def test_an_exception_of_a_tick_ends_the_process():
    def fail() -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run_python("-c", "import time; time.sleep(600)", tick=fail)


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("", "exit status 3"),
        ("Traceback\nValueError: odd.\n", "ValueError: odd"),
        (
            "ERROR: Exception:\nTraceback\nOSError: [Errno 28] No space left on device\n",
            "OSError: [Errno 28] No space left on device",
        ),
        ("ERROR: no such package.\nWARNING: an old pip\n", "no such package"),
    ],
)
def test_the_last_line_says_why(stderr, expected):
    assert last_line(CompletedProcess([], 3, "", stderr)) == expected


@pytest.mark.parametrize("module", ["pip", "torch", "huggingface_hub", "gguf", "json", "runpy", "transformers"])
def test_nothing_is_imported_from_the_current_folder(tmp_path, monkeypatch, module):
    (tmp_path / f"{module}.py").write_text("print('from here')")
    monkeypatch.chdir(tmp_path)

    find = f"import importlib.util, os; print(os.path.dirname(importlib.util.find_spec({module!r}).origin))"

    assert run_python("-c", find).stdout.strip() != str(tmp_path)


def test_a_module_of_the_current_folder_is_not_run(tmp_path, monkeypatch):
    (tmp_path / "pip.py").write_text("print('from here')")
    monkeypatch.chdir(tmp_path)

    assert "from here" not in run_python("-m", "pip", "--version").stdout


def test_every_python_that_is_started_leaves_the_current_folder_out():
    """All others go through ``run_python`` or take the command ``PYTHON``."""
    found = {str(path.relative_to(_PACKAGE)) for path in _PACKAGE.rglob("*.py") if "sys.executable" in path.read_text()}

    assert found == {*_STARTERS, "__main__.py"}  # which names it in a message
    for name, option in _STARTERS.items():
        assert f"sys.executable, {option}" in (_PACKAGE / name).read_text()


def test_the_package_is_found_from_any_folder(tmp_path):
    environment = package_environment({name: of for name, of in os.environ.items() if name != "PYTHONPATH"})
    code = "import inference_bench; print(inference_bench.__file__)"
    done = subprocess.run(
        [*PYTHON, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment
    )

    assert Path(done.stdout.strip()).parent == _PACKAGE


def test_an_interruption_ends_the_process_and_what_it_has_started(tmp_path):
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path)!r} + f'/{{child.pid}}', 'w').close(); time.sleep(600)"
    )
    interruption, ended = Interruption(), []

    def work() -> None:
        with interruption.active(), pytest.raises(InterruptedWorkError) as raised:
            run_python("-c", code)
        ended.append(raised)

    thread = threading.Thread(target=work)
    thread.start()
    while not (found := os.listdir(tmp_path)):
        time.sleep(0.01)
    interruption.stop()
    thread.join()

    assert len(ended) == 1
    assert not Path(f"/proc/{found[0]}").exists() or "Z" in Path(f"/proc/{found[0]}/stat").read_text()


def test_a_process_that_takes_too_long_is_killed():
    with pytest.raises(subprocess.TimeoutExpired):
        run_python("-c", "import time; time.sleep(600)", timeout_s=0.2)


def test_a_child_that_holds_the_pipes_does_not_outlast_an_interruption():
    interruption = Interruption()
    interruption.stop()
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"

    with interruption.active(), pytest.raises(InterruptedWorkError):
        run_python("-c", code)
