"""``run --breakdown`` through the whole path, and where there is nothing to look into."""

from __future__ import annotations

import pytest

from inference_bench.cli._main import main
from inference_bench.results.run import load_run
from tests.command_line import assert_refused, call

RUN = ("run", "--quick", "--quiet", "--breakdown")


@pytest.mark.usefixtures("capsys")
def test_a_small_network_is_taken_apart_after_its_samples(tmp_path):
    random = ("--weights", "random", "--scale", "reduced")
    axes = ("--input-lengths", "8", "--new-tokens", "3", "--benchmark", "inference_speed")
    assert main([*RUN, *random, *axes, "--output", str(tmp_path)]) == 0

    run = load_run(tmp_path)
    (result,) = run.results
    table = run.table(result, "operations").to_pydict()
    samples = run.samples(result).to_pydict()

    assert set(table["recorded_by"]) == {"clock", "hooks", "profiler"}
    assert set(table["step"]) == {"prefill", "decode"}
    assert "model.layers.0.mlp.up_proj" in table["module"]
    assert min(table["start_ns"]) > max(samples["start_ns"])


def test_a_model_without_a_network_of_torch_is_said_so(tmp_path, capsys):
    assert main([*RUN, "--model", "null", "--benchmark", "inference_speed", "--output", str(tmp_path)]) == 0

    assert "not applicable: only torch's modules can be seen" in " ".join(capsys.readouterr().out.split())
    assert load_run(tmp_path).files[load_run(tmp_path).results[0].case.id]["operations"] is None


def test_benchmarks_without_steps_are_refused_before_anything_starts(tmp_path):
    ended = call("run", "--model", "null", "--benchmark", "memory_usage", "--breakdown", "--output", str(tmp_path))

    assert_refused(ended, 2, "--breakdown", "memory_usage", "a benchmark that has steps", "--benchmark inference_speed")
