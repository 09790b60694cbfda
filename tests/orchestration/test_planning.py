"""From a spec to a plan: every case once, and no framework imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.orchestration.planning import axes_of_models, prepare
from inference_bench.spec import DTYPES, Setup, Spec


def test_preparing_loads_no_framework(bad_models):
    code = (
        "import sys; from pathlib import Path; from inference_bench.orchestration.planning import prepare;"
        "from inference_bench.spec import Spec;"
        "prepare(Spec(('smollm2_135m_instruct', 'null'), ('inference_speed', 'memory_usage')));"
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_prepare_names_every_case_once(bad_models):
    axes = {"input_length": (8, 16), "new_tokens": (4,)}
    plan = prepare(Spec(("good", "slow"), ("inference_speed", "memory_usage"), axes=axes), [bad_models]).plan

    assert len({case.id for case in plan.cases}) == len(plan.cases) == 8
    # The timing cases of a model share a process; each memory case has its own, from before the load.
    assert [len(group.cases) for group in plan.groups] == [2, 1, 1, 2, 1, 1]


_FUNCTIONS = {
    "nothing": "def work(): pass",
    "coroutine": "async def work(): pass",
    "of_model": "def work(model): pass",
}


@pytest.fixture
def functions(tmp_path):
    for name, line in _FUNCTIONS.items():
        text = f"from inference_bench import benchmark\n\n@benchmark\n{line}\n"
        (tmp_path / f"benchmark_{name}.py").write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", ["nothing", "coroutine"])
@pytest.mark.parametrize("models", [("good",), ("slow", "good"), ("null",), ("null", "good")])
def test_a_function_of_nothing_is_planned_once_without_a_model(bad_models, functions, name, models):
    setups = tuple(Setup(dtype=dtype, threads=1, device=device) for dtype in DTYPES for device in ("cpu", "cuda"))
    prepared = prepare(Spec(models, (name,), setups=setups), [bad_models], [functions])

    assert [(case.model, case.benchmark) for case in prepared.plan.cases] == [("null", name)]
    assert list(prepared.models) == ["null"]
    assert not prepared.not_applicable


def test_other_benchmarks_keep_their_models(bad_models, functions):
    spec = Spec(("good", "slow"), ("of_model", "nothing", "inference_speed"), axes={"input_length": (8,)})
    prepared = prepare(spec, [bad_models], [functions])

    assert [(case.model, case.benchmark) for case in prepared.plan.cases] == [
        ("good", "of_model"),
        ("good", "inference_speed"),
        ("slow", "of_model"),
        ("slow", "inference_speed"),
        ("null", "nothing"),
    ]
    assert set(prepared.models) == {"good", "slow", "null"}
    assert set(prepared.benchmarks["null"]) == {"nothing"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": "a", "txt": 1}', "line 2: unknown key 'txt'"),
        ("{", "line 2: not JSON"),
        ('{"question": "a"}', "line 2"),
    ],
)
def test_a_wrong_line_of_a_task_is_refused_before_anything_is_loaded(tmp_path, line, words):
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": "whole"}\n' + line + "\n")

    with pytest.raises(InvalidValueError, match=words):
        prepare(Spec(("smollm2_135m_instruct",), ("accuracy",), axes={"task": (str(path),)}))


def test_weights_of_another_size_are_cases_of_another_model(tmp_path):
    """So compare, query and history never join them with the model's own; everything else is the model's."""
    name = "smollm2_135m_instruct"
    for folder, width in {"same": 576, "other": 64}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": width}))
    setups = tuple(Setup(weights=str(tmp_path / folder)) for folder in ("same", "other"))
    prepared = prepare(Spec(models=(name,), benchmarks=("inference_speed",), setups=setups))
    found = dict.fromkeys(case.model for case in prepared.plan.cases)
    assert len(found) == 2
    assert next(iter(found)) == name
    (other,) = set(found) - {name}
    assert other.startswith("local_other_")
    assert prepared.models[other] is prepared.models[name]
    assert prepared.files[other] == prepared.files[name]
    for case in prepared.plan.cases:
        assert prepared.benchmark(case).name == "inference_speed"
    again = {case.id: case for case in prepared.plan.cases}
    assert len(again) == len(prepared.plan.cases)


def test_the_axes_of_each_model_are_those_of_its_benchmarks():
    spec = Spec(("null", "smollm2_135m_instruct"), ("inference_speed", "agreement"), axes={"passages": (1,)})

    axes = axes_of_models(spec)

    assert "input_length" in axes["null"] & axes["smollm2_135m_instruct"]
    assert "passages" in axes["smollm2_135m_instruct"] - axes["null"]


LACKING = """
from inference_bench import Model

class Plugin(Model):
    title = "needs what is not here"
    parameters = 1
    max_input_length = 16
    needs_weights = False
    devices = ("cpu", "cuda")
    requires = {requires}
"""


@pytest.mark.parametrize(("requires", "device"), [(("no_such_package",), "cpu"), ((), "cuda:99")])
def test_what_this_machine_lacks_is_refused_only_where_it_is_to_measure(requires, device, tmp_path):
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "model.py").write_text(LACKING.format(requires=requires))
    spec = Spec(("lacking",), ("model_loading_time",), setups=(Setup(device=device),))

    lacks = "no_such_package" if requires else device
    with pytest.raises(UsageError, match=lacks):
        prepare(spec, [tmp_path])

    there = prepare(spec, [tmp_path], here=False)
    assert {case.setup.device for case in there.plan.cases} == {device}
    assert lacks not in str(there.not_applicable)
