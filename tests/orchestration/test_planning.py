"""From a spec to a plan: every case once, and no framework imported."""

from __future__ import annotations

import subprocess
import sys

from inference_bench.orchestration.planning import prepare
from inference_bench.spec import Spec


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
