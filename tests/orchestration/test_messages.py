"""Every message is read back as it was sent, and a malformed one is refused."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from inference_bench.errors import ProtocolError
from inference_bench.model.discovery import ModelFile
from inference_bench.model.load_steps import LoadStep
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.orchestration import messages, protocol
from inference_bench.orchestration.messages import (
    CaseProgress,
    Failed,
    Hello,
    Load,
    Loaded,
    Measure,
    Measured,
    Parked,
    Window,
    message_from,
)
from inference_bench.plan import Case
from inference_bench.result import Status
from inference_bench.spec import Limits, Setup

CASE = Case("tiny", "inference_speed", Setup(threads=2), {"input_length": 8, "view": "steps"})
WEIGHTS = ResolvedWeights("cache", "trained", trained=True, path=Path("/weights"), digest="ab")
MEASURED = Measured(
    samples={"value": [1, 2]},
    scores={"value": []},
    rates={"decode_rate": 1.0},
    memory=None,
    decision={"converged": True, "reason": "narrow enough", "targets": {"ttft": True}},
    worker={
        "pid": 1,
        "first_case": True,
        "load_steps": [{"name": "boot", "begin_ns": 1, "end_ns": 2}],
        "usage": {"steal_ns": None},
        "clock": {"source": "tsc"},
        "busy_threads": 2,
        "waited_ns": 0,
        "work": {},
        "versions": {"python": "3.11"},
        "sampler": None,
    },
    notes=["a note"],
)


@pytest.mark.parametrize(
    "message",
    [
        Hello(3, 17, 5),
        Load(ModelFile("tiny", Path("/m/model.py")), CASE.setup, WEIGHTS, CASE, None, Limits(), parks=True),
        Measure(CASE, Path("/b/benchmark_own.py"), Limits(min_samples=7)),
        Parked(),
        Loaded({"name": "tiny", "weights": {"trained": True}}, (LoadStep("boot", 1, 2),)),
        Window(opens=True),
        Failed(Status.OOM, "out of memory", "Traceback"),
        CaseProgress(7, 21, {"ttft": None}, {"ttft": 0.1}, 1 << 20),
        MEASURED,
    ],
    ids=lambda message: message.kind,
)
def test_a_message_is_read_back_as_it_was_sent(message):
    frame = protocol.encode(message)

    assert protocol.decode(frame[protocol.HEADER_BYTES :]) == message


def test_every_message_has_a_kind_of_its_own():
    kinds = [name for name, value in vars(messages).items() if "kind" in getattr(value, "__dict__", {})]

    assert sorted(kinds) == sorted(message.__name__ for message in messages._KINDS.values())


def test_a_path_travels_as_text_and_a_kind_beside_the_fields():
    frame = protocol.encode(Measure(CASE, Path("/b/benchmark_own.py"), Limits()))

    plain = orjson.loads(frame[protocol.HEADER_BYTES :])
    assert (plain["kind"], plain["benchmark_file"]) == ("measure", "/b/benchmark_own.py")
    assert set(plain) == {"kind", "case", "benchmark_file", "limits", "run", "breakdown"}


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"kind": "greeting"}, "unknown kind 'greeting'"),
        ({"kind": "hello", "version": 3}, "malformed message 'hello'"),
        ({"kind": "go", "when": "now"}, "malformed message 'go'"),
        ({"kind": "failed", "status": "tired", "cause": "", "detail": ""}, "malformed message 'failed'"),
        ({"kind": "load", "model_file": "tiny"}, "malformed message 'load'"),
        ({"kind": "loaded", "model": {}, "steps": [3]}, "malformed message 'loaded'"),
    ],
)
def test_a_message_without_the_fields_of_its_kind_is_refused(plain, said):
    with pytest.raises(ProtocolError, match=said):
        message_from(plain)
