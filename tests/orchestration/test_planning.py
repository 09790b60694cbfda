"""From a spec to a plan: every case once, and no framework imported."""

from __future__ import annotations

import json
import subprocess
import sys

from inference_bench.orchestration.planning import prepare
from inference_bench.spec import Setup, Spec


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
