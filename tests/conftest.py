"""Models that misbehave in one way each, for the tests of whatever has to survive them. None of them needs torch."""

from __future__ import annotations

import gc
import os
import signal
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from tests.doubles import Double, build

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs so, and children inherit it: the tests of Ctrl-C would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)


if "PYTEST_XDIST_WORKER" in os.environ:
    # As many processes test as there are CPUs: further threads of torch would only wait for each other, at full load.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that hold slow tests, then those with the most: a long one must not begin last."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    count = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in slow, -count[item.path], item.path))


def pytest_collection_finish() -> None:
    """Leave what collection has allocated out of later garbage collections, which would take half a second each."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> None:
    """Leave what earlier files have imported out of later collections, too: each unloaded model asks for one."""
    gc.freeze()


_TEMPLATE = """
import os, signal, sys, time
from inference_bench.errors import NotApplicableError
from inference_bench import Model, TextGenerator


class Generator(TextGenerator):
    def __init__(self):
        self.calls = 0

    def prompt(self, length):
        return list(range(length))

    def prefill(self, prompt):
        self.calls += 1
        {prefill}
        return 0

    def decode(self):
        {decode}
        return 1

    def generate(self, prompt, new_tokens):
        return [0] + [1] * (new_tokens - 1)


class Plugin(Model):
    title = "plugin of a test"
    parameters = 1
    max_input_length = 4096
    needs_weights = False
    parks = True

    def load(self, setup, weights, steps):
        with steps.step("weights"):
            {load}
        steps.park()
        with steps.step("to_device"):
            {to_device}

    def unload(self):
        {unload}

    def generator(self):
        {generator}
        return Generator()
"""

_BEHAVIOURS = {
    "good": {},
    "slow": {"prefill": "time.sleep(0.02)", "decode": "time.sleep(0.001)"},
    "raises_in_load": {"load": "raise RuntimeError('no such layer: <b>[red]x|y')"},
    "raises_in_prefill": {"prefill": "if self.calls > 3: raise ValueError('prompt refused')"},
    "segfaults": {"prefill": "if self.calls > 3: os.kill(os.getpid(), signal.SIGSEGV)"},
    "segfaults_in_load": {"load": "os.kill(os.getpid(), signal.SIGSEGV)"},
    "is_killed": {"prefill": "os.kill(os.getpid(), signal.SIGKILL)"},
    "exits": {"prefill": "print('giving up', file=sys.stderr, flush=True); os._exit(7)"},
    "hangs": {"prefill": "if self.calls > 3: time.sleep(3600)"},
    "hangs_in_load": {"load": "time.sleep(3600)"},
    "hangs_in_unload": {"unload": "time.sleep(3600)"},
    "runs_out_of_memory": {"prefill": "raise MemoryError"},
    # In torch's words, which name no type of error of their own.
    "runs_out_of_gpu_memory": {"prefill": "raise RuntimeError('CUDA error: out of memory\\nSearch for ...')"},
    "allocates": {
        "prefill": "import resource; used = int(open('/proc/self/statm').read().split()[0]) * 4096; held = []\n"
        "        resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20),) * 2)\n"
        "        while True: held.append(bytearray(16 << 20))"
    },
    "prints": {"prefill": "print('garbage', flush=True); os.write(1, b'\\\\xff\\\\x00' * 9)"},
    "writes_to_every_descriptor": {
        "prefill": "[os.write(fd, b'\\\\xff' * 64) for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{fd}')"
        " and os.readlink(f'/proc/self/fd/{fd}').startswith('socket')]"
    },
    "generates_nothing": {"generator": "raise NotApplicableError('this one classifies')"},
}


def write_model(folder: Path, name: str, **behaviour: str) -> None:
    """Write ``folder/name/model.py``; each behaviour is the body of one method."""
    bodies = {
        part: behaviour.get(part, "pass") for part in ("prefill", "decode", "load", "to_device", "unload", "generator")
    }
    path = folder / name / "model.py"
    path.parent.mkdir(parents=True)
    path.write_text(textwrap.dedent(_TEMPLATE).format(**bodies))


@pytest.fixture(scope="session")
def bad_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with a model for each behaviour above, and one whose file has a syntax error."""
    folder = tmp_path_factory.mktemp("models")
    for name, behaviour in _BEHAVIOURS.items():
        write_model(folder, name, **behaviour)
    (folder / "broken").mkdir()
    (folder / "broken" / "model.py").write_text("class Broken(\n")
    return folder


# ---- doubles of NVIDIA's libraries


@pytest.fixture(scope="session")
def cuda_double(tmp_path_factory: pytest.TempPathFactory) -> Double:
    """A current driver. Unlike the real one it says nothing about any device."""
    return Double(build("libcuda_double", tmp_path_factory.mktemp("cuda") / "libcuda.so.1"))


@pytest.fixture(scope="session")
def nvml_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a double that goes by the name of the real library."""
    folder = tmp_path_factory.mktemp("nvml")
    build("libnvml_double", folder / "libnvidia-ml.so.1")
    return folder


@pytest.fixture(scope="module")
def object_server():
    """An S3 server for the tests of a file; skipped where moto is absent."""
    from tests.object_store import object_store

    with object_store() as running:
        yield running


@pytest.fixture
def store(object_server, tmp_path, monkeypatch):
    """The server with an empty bucket, in a folder and with a state folder of the test's own, which knows ceilings."""
    from tests.calibrations import know_ceilings

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    know_ceilings()
    object_server.empty()
    return object_server
