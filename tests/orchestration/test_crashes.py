"""A model that has started processes of its own: its crash is seen at once, and nothing that it started is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference_bench.result import Status
from inference_bench.spec import Limits
from inference_bench.units import NS_PER_S
from tests.conftest import write_model
from tests.factories import run, spec
from tests.processes import assert_no_worker_is_left

_SLEEP = "import time; time.sleep(600)"
_NOTE = "open({folder!r} + '/' + str({pid}), 'w').close()"
_PROGRAM = f"import subprocess; pid = subprocess.Popen([sys.executable, '-c', {_SLEEP!r}]"
_CHILDREN = {
    "fork": "pid = os.fork()\n            if pid == 0: time.sleep(600)",
    "multiprocessing": "import multiprocessing; fork = multiprocessing.get_context('fork')\n"
    "            child = fork.Process(target=time.sleep, args=(600,)); child.start(); pid = child.pid",
    "program": f"{_PROGRAM}).pid",
    "program with the socket": f"{_PROGRAM}, close_fds=False, start_new_session=True).pid",
}
_ENDS = {
    "SIGSEGV": ({"prefill": "os.kill(os.getpid(), signal.SIGSEGV)"}, Status.CRASHED, "SIGSEGV"),
    "SIGKILL": ({"prefill": "os.kill(os.getpid(), signal.SIGKILL)"}, Status.CRASHED, "SIGKILL"),
    "exit": ({"prefill": "os._exit(7)"}, Status.CRASHED, "status 7"),
    "hang": ({"prefill": "time.sleep(3600)"}, Status.TIMEOUT, "sent nothing"),
    "exception": ({"prefill": "raise ValueError('refused')"}, Status.FAILED, "refused"),
    "crash while loading": ({"to_device": "os.kill(os.getpid(), signal.SIGSEGV)"}, Status.CRASHED, "SIGSEGV"),
    "no fault": ({}, Status.OK, ""),
}


@pytest.mark.parametrize("end", _ENDS)
@pytest.mark.parametrize("child", _CHILDREN)
def test_a_model_with_children(tmp_path, child, end):
    behaviour, status, cause = _ENDS[end]
    notes = tmp_path / "notes"
    notes.mkdir()
    load = _CHILDREN[child] + "\n            " + _NOTE.format(folder=str(notes), pid="pid")
    write_model(tmp_path / "models", "parent", load=load, **behaviour)
    # Far less than this passes unless the crash is hidden; only the hang waits for it.
    silence_s = 2 if end == "hang" else 600
    limits = Limits(min_samples=30, budget_ns=NS_PER_S // 20, relative_width=0.5, silence_ns=silence_s * NS_PER_S)

    request = spec("parent", limits=limits, input_length=(8,), new_tokens=(4,))
    result = run(request, tmp_path / "out", tmp_path / "models").run.results[0]

    assert result.status is status
    if result.failure is not None:
        assert cause in result.failure.cause
    assert_no_worker_is_left()
    pids = [int(path.name) for path in notes.iterdir()]
    assert pids
    assert not [pid for pid in pids if _is_alive(pid)]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
