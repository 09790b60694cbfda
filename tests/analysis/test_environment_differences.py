from __future__ import annotations

from inference_bench.analysis.environment_differences import environment_differences


def test_environments_differ_by_facts_that_last():
    before = {"load": {"average_1min": 1.0}, "packages": {"torch": "2.12"}, "gpus": [{"name": "T4"}]}
    after = {"load": {"average_1min": 9.0}, "packages": {"torch": "2.13"}, "gpus": []}

    found = environment_differences([before], [after])

    assert [(d.name, d.before, d.after) for d in found] == [
        ("gpus", "absent", ""),
        ("gpus.0.name", "T4", "absent"),
        ("packages.torch", "2.12", "2.13"),
    ]
