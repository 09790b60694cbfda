"""Engines by name: which there are, which models they run, and what is said of those that cannot be used."""

from __future__ import annotations

import pytest

from inference_bench.benchmarks.memory_usage import MemoryUsageBenchmark
from inference_bench.errors import MissingPackageError, NotApplicableError, UnknownNameError, UsageError
from inference_bench.extras import missing_modules
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.engine import engine as engines
from inference_bench.model.engine.engine import Boundary, Engine, engine_names, in_engine, load_engine
from inference_bench.model.engine.model import EngineModel, class_in_engine
from inference_bench.orchestration import planning
from inference_bench.orchestration.planning import prepare
from inference_bench.spec import ALL_DTYPES, OWN_ENGINE, Setup, Spec

SMOL = "smollm2_135m_instruct"


@pytest.fixture(scope="module")
def models():
    return {name: load_model(file) for name, file in find_models().items()}


@pytest.mark.parametrize("name", engine_names())
def test_every_engine_says_what_it_is(name):
    engine = load_engine(name)
    assert engine.name == name
    assert set(engine.dtypes) <= set(ALL_DTYPES)
    assert engine.title and engine.reads and engine.requires and engine.install and engine.devices
    assert all(getattr(engine.boundary, part) for part in Boundary.__slots__)
    assert {"generate"} <= set(engine.abilities) <= {"generate", "score", "batches", "serve"}
    assert engine.serving


def test_the_own_engine_gives_the_own_class(models):
    assert in_engine(models[SMOL], OWN_ENGINE) is in_engine(models[SMOL], "transformers") is models[SMOL]
    with pytest.raises(UnknownNameError, match="llama_cpp"):
        in_engine(models[SMOL], "llama.cp")


def test_a_model_keeps_what_describes_it_in_another_engine(models):
    found, own = in_engine(models[SMOL], "llama_cpp"), models[SMOL]
    assert (found.name, found.title, found.parameters, found.package) == (
        own.name,
        own.title,
        own.parameters,
        own.package,
    )
    assert found.abilities == ("generate", "score")
    assert found.engine == "llama_cpp"
    assert found.reference_class() is own


@pytest.mark.parametrize("name", ["all_minilm_l6_v2", "null", "glm_4_7_flash"])
def test_a_model_of_another_kind_is_refused_with_the_reason(models, name):
    with pytest.raises(NotApplicableError, match=name):
        in_engine(models[name], "llama_cpp")


class _Absent(Engine):
    """Needs a module that is not installed."""

    title = "Absent"
    reads = "nothing"
    requires = ("no_such_module",)
    install = ("no-such-package>=2",)
    dtypes = ("float32", "int4")
    boundary = Boundary("a", "b", "c")

    @classmethod
    def model_class(cls, model):
        return class_in_engine(EngineModel, cls, model)


@pytest.fixture
def absent(monkeypatch):
    known = engine_names()
    load = load_engine
    monkeypatch.setattr(engines, "engine_names", lambda: [*known, "absent"])
    monkeypatch.setattr(engines, "load_engine", lambda name: _Absent if name == "absent" else load(name))
    _Absent.name = "absent"
    return planning


def _spec(*setups, benchmarks=("inference_speed",)):
    return Spec((SMOL,), benchmarks, setups, axes={"input_length": (8,), "new_tokens": (4,)})


def test_one_engine_that_is_not_installed_stops_the_run_with_what_installs_it(absent):
    with pytest.raises(MissingPackageError, match=r"pip install 'no-such-package>=2'"):
        prepare(_spec(Setup(engine="absent")))


def test_of_several_engines_the_others_are_measured(absent):
    prepared = prepare(
        _spec(Setup(), Setup(engine="absent"), Setup(dtype="int4", engine="absent"), Setup(dtype="int4"))
    )
    refused = {case.setup: prepared.not_applicable.get(case.id, "") for case in prepared.plan.cases}
    assert refused[Setup()] == ""
    assert "pip install" in refused[Setup(engine="absent")]
    assert "int4" in refused[Setup(dtype="int4")]  # transformers has no such dtype


def test_where_no_engine_can_measure_the_run_is_refused(absent):
    with pytest.raises(UsageError, match="no engine can measure anything"):
        prepare(_spec(Setup(dtype="int4"), Setup(engine="absent")))


@pytest.mark.parametrize("benchmark", ["serving_load", "serving_capacity"])
def test_an_engine_without_a_scheduler_serves_no_load_and_says_why(models, benchmark):
    engine = load_engine("llama_cpp")
    if missing_modules(engine.requires):
        pytest.skip("llama_cpp is not installed, which is said first")
    axes = {"slo": ("ttft.p99<=1s",)} if benchmark == "serving_capacity" else {}
    setups = (Setup(), Setup(engine="llama_cpp"))
    prepared = prepare(Spec((SMOL,), (benchmark,), setups, axes=axes))
    refused = {case.setup.engine: prepared.not_applicable.get(case.id, "") for case in prepared.plan.cases}
    assert refused == {
        OWN_ENGINE: "",
        "llama_cpp": f"llama_cpp serves no concurrent requests: {engine.serving}",
    }


def test_the_memory_of_an_engine_that_is_in_other_processes_is_not_measured(models):
    vllm = in_engine(models[SMOL], "vllm")
    assert vllm.abilities == ("generate",)
    (case,) = prepare(_spec(Setup(), benchmarks=("memory_usage",))).plan.cases
    MemoryUsageBenchmark().check(models[SMOL], case)
    with pytest.raises(NotApplicableError, match="vllm keeps its weights in processes of its own"):
        MemoryUsageBenchmark().check(vllm, case)


def test_an_unknown_engine_is_refused_before_anything():
    with pytest.raises(UnknownNameError, match="transformers"):
        prepare(_spec(Setup(engine="transformer")))


def test_the_own_engine_has_one_name_in_a_plan():
    (case,) = prepare(_spec(Setup(engine="transformers"))).plan.cases
    assert case.setup == Setup()
    assert case.id == prepare(_spec(Setup())).plan.cases[0].id
