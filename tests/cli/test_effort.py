"""How long `run` measures: the presets, and what replaces their values."""

from __future__ import annotations

import pytest

from inference_bench.cli._effort import EFFORTS
from inference_bench.cli._option_sources import read_options
from inference_bench.cli._parser import Parser
from inference_bench.cli._request import spec_of
from inference_bench.cli.ab import AbCommand
from inference_bench.cli.run import RunCommand
from inference_bench.spec import Spec
from inference_bench.units import NS_PER_S


def asked(*words: str) -> Spec:
    command = RunCommand()
    command.name = "run"  # type: ignore[misc]
    return spec_of(read_options(Parser(command), words))


def effort(spec: Spec) -> tuple[int | None, int, float, int, int, int]:
    limits = spec.limits
    return (
        spec.least_runs,
        spec.runs,
        limits.relative_width / 2,
        limits.budget_ns // NS_PER_S,
        limits.min_samples,
        limits.warmup_iterations,
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), (3, 5, 0.05, 4, 5, 1)),
        (("--quick",), (1, 1, 0.1, 2, 5, 1)),
        (("--thorough",), (6, 20, 0.01, 25, 30, 2)),
        (("--precision", "0.01"), (6, 20, 0.01, 25, 30, 2)),
        (("--precision", "0.02"), (6, 20, 0.02, 25, 30, 2)),
        (("--precision", "0.03"), (3, 5, 0.03, 4, 5, 1)),
        (("--quick", "--precision", "0.01"), (1, 1, 0.01, 2, 5, 1)),
        (("--thorough", "--budget", "9"), (6, 20, 0.01, 9, 30, 2)),
        (("--runs", "7"), (7, 7, 0.05, 4, 5, 1)),
        (("--thorough", "--runs", "7", "--warmup", "0", "--min-samples", "8"), (7, 7, 0.01, 25, 8, 0)),
        (("--all",), (1, 1, 0.05, 1, 5, 1)),
        (("--all", "--thorough"), (6, 20, 0.01, 25, 30, 2)),
        (("--all", "--runs", "2", "--budget", "3"), (2, 2, 0.05, 3, 5, 1)),
        (("--isolation", "inline"), (1, 1, 0.05, 4, 5, 1)),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_preset_gives_what_no_option_does(words, expected):
    assert effort(asked(*words)) == expected


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ((), 130),
        (("--dtype", "float32,bfloat16"), 260),
        (("--model", "null,smollm2_135m_instruct", "--threads", "1,2"), 520),
        (("--thorough",), 1800),
        (("--time", "9", "--dtype", "float32,bfloat16"), 9),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_the_time_grows_with_what_is_loaded(words, seconds):
    assert asked(*words).time_ns == seconds * NS_PER_S


def test_the_file_of_a_request_may_name_the_preset(tmp_path):
    file = tmp_path / "spec.toml"
    file.write_text("effort = 'thorough'\n[limits]\ntime = 60\n")

    spec = asked("--spec", str(file))
    assert (effort(spec), spec.time_ns) == ((6, 20, 0.01, 25, 30, 2), 60 * NS_PER_S)


def test_pairs_end_by_their_own_rule():
    command = AbCommand()
    command.name = "ab"  # type: ignore[misc]
    args = read_options(Parser(command), ["dtype=float32", "dtype=bfloat16"])

    spec = spec_of(args)
    assert (spec.least_runs, spec.runs, spec.limits.budget_ns) == (60, 60, 4 * NS_PER_S)


def test_every_preset_is_a_valid_request():
    assert all(0 < effort.precision < 0.5 and 1 <= effort.least_runs <= effort.runs for effort in EFFORTS.values())
