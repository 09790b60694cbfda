"""A load on a model in an engine that schedules its requests itself."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from inference_bench.model.engine import engine as engines
from inference_bench.model.engine.engine import Boundary, Engine, engine_names, load_engine
from inference_bench.model.engine.model import EngineModel, class_in_engine
from inference_bench.model.engine.serving.scheduled_server import ScheduledServer
from inference_bench.model.engine.session import EngineSession
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.result import Status
from inference_bench.spec import Setup, Spec
from inference_bench.testing import QUICK
from tests.place_folders import trained
from tests.schedulers import Counting


class Serving(Engine):
    """Has a scheduler, and no model."""

    name = "serving"
    title = "Serving"
    reads = "a folder"
    requires = ("json",)
    install = ("json",)
    dtypes = ("float32",)
    boundary = Boundary("none", "none", "the token")
    abilities = ("generate", "serve")
    serving = "counting"
    end = ""

    @classmethod
    def model_class(cls, model):
        return class_in_engine(ServedModel, cls, model)


class ServedModel(EngineModel):
    def open(self, path, setup, steps):
        return ServedSession()


class ServedSession(EngineSession):
    limit = 100
    vocabulary = 300

    def server(self, max_batch_size, prompts):
        return ScheduledServer("Serving", partial(Counting, end=Serving.end, step_s=0.001), prompts)

    def describe(self):
        return {}


@pytest.fixture
def measured(tmp_path, monkeypatch):
    known, load = engine_names(), load_engine
    monkeypatch.setattr(engines, "engine_names", lambda: [*known, "serving"])
    monkeypatch.setattr(engines, "load_engine", lambda name: Serving if name == "serving" else load(name))
    folder = trained(tmp_path / "weights")

    def measure(**axes):
        load = {"scenario": ("offline",), "requests": (5,), "input_length": (8,)}
        request = Spec(
            (str(folder),),
            ("serving_load",),
            (Setup(engine="serving"),),
            load | axes,
            limits=QUICK,
            isolation="inline",
        )
        (result,) = asyncio.run(run_benchmarks(request, output=tmp_path / "run")).run.results
        return result

    return measure


def test_a_load_is_scheduled_by_the_engine_and_the_result_says_so(measured):
    result = measured(new_tokens=(4,))
    assert result.status is Status.OK
    assert "requests scheduled by counting" in result.notes
    assert next(of for of in result.summaries if of.metric == "itl").n == 5 * 3


def test_an_engine_that_fails_while_it_serves_is_one_line(measured, monkeypatch):
    monkeypatch.setattr(Serving, "end", "raise")
    result = measured(new_tokens=(13,))
    assert result.status is Status.FAILED
    assert result.failure.cause == "Serving failed while it served: ValueError: the third of thirteen"
