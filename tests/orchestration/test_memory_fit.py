"""Weights that cannot fit into memory are refused before anything is fetched or loaded."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from inference_bench.model.model import Model
from inference_bench.orchestration import memory_fit
from inference_bench.orchestration.memory_fit import MemoryFit
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.result import Status
from inference_bench.spec import DTYPES, Limits, Setup, Spec
from inference_bench.units import GIB, NS_PER_S
from tests.stored_weights import weights_folder


class Large(Model):
    name = "large"
    title = "Large"
    parameters = 70_000_000_000
    max_input_length = 16

    def load(self, setup, weights, steps): ...

    def unload(self): ...


class Elsewhere(Large):
    parameters = 0


@pytest.fixture
def free(monkeypatch):
    sizes = {"cpu": 20 * GIB, "cuda:0": 80 * GIB, "cuda:1": None}
    monkeypatch.setattr(memory_fit, "free_bytes", sizes.__getitem__)
    return sizes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("device", ["cpu", "cuda:0", "cuda:1"])
def test_a_shortage_names_both_figures(free, device, dtype):
    short = MemoryFit().shortage(Large, Setup(device=device, dtype=dtype))

    fits = free[device] is None or Large.memory_bytes(dtype) <= free[device]
    assert (short == "") == fits
    if short:
        assert f"{free[device] // GIB:.1f} GiB of memory{'' if device == 'cpu' else ' on cuda:0'} are free" in short
        assert f"{Large.memory_bytes(dtype) / GIB:.0f} GiB as {dtype}" in short.replace(".0 GiB", " GiB")


@pytest.mark.usefixtures("free")
def test_what_needs_no_memory_here_fits():
    assert MemoryFit().shortage(Elsewhere, Setup()) == ""
    assert MemoryFit().shortage(Large, Setup(weights="random", scale="reduced")) == ""
    assert MemoryFit(force=True).shortage(Large, Setup()) == ""


_LARGE = """
import time
from inference_bench import Model

class Plugin(Model):
    title = "larger than any memory"
    parameters = 10**15
    max_input_length = 4096
    abilities = ("generate",)
    needs_weights = True

    def load(self, setup, weights, steps): raise RuntimeError(f"loaded at scale {weights.scale}")
    def unload(self): pass
"""


@pytest.mark.parametrize(
    ("setup", "force", "status", "words"),
    [
        (Setup(weights="random"), False, Status.OOM, ("need 3725290 GiB", "of memory are free", "--force")),
        (Setup(weights="auto"), False, Status.OOM, ("need 3725290 GiB", "of memory are free", "--force")),
        (Setup(weights="random"), True, Status.FAILED, ("loaded at scale full",)),
        (Setup(weights="random", scale="reduced"), False, Status.FAILED, ("loaded at scale reduced",)),
        (Setup(weights="any"), False, Status.FAILED, ("loaded at scale reduced",)),
    ],
)
def test_a_model_larger_than_memory(tmp_path, setup, force, status, words):
    path = tmp_path / "models" / "large" / "model.py"
    path.parent.mkdir(parents=True)
    path.write_text(_LARGE)
    request = Spec(
        ("large", "null"),
        ("inference_speed",),
        setups=(replace(setup, threads=1),),
        axes={"input_length": (8,), "new_tokens": (4,)},
        limits=Limits(budget_ns=NS_PER_S // 20, relative_width=0.5),
    )
    outcome = asyncio.run(
        run_benchmarks(request, output=tmp_path / "out", models_dirs=[tmp_path / "models"], force=force)
    )
    large, null = outcome.run.results

    assert (large.status, null.status) == (status, Status.OK)
    assert all(word in large.failure.cause for word in words), large.failure.cause


def test_files_are_judged_by_their_own_size(free, tmp_path):
    folder = weights_folder(tmp_path / "small")  # four numbers
    assert MemoryFit().shortage(Large, Setup(weights=str(folder))) == ""

    free["cpu"] = 15
    small = type("Small", (Large,), {"name": "small", "parameters": 1})
    assert "the weights of small need 16 B as float32, 15 B of memory are free" in MemoryFit().shortage(
        small, Setup(weights=str(folder))
    )
