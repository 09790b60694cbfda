from __future__ import annotations

from dataclasses import asdict
from typing import Any

from inference_bench.demands import Demands
from inference_bench.errors import NotApplicableError
from inference_bench.model.demands import demands_facts
from inference_bench.model.interfaces import Counted
from inference_bench.model.model import Model
from inference_bench.testing import null_model

DEMANDS = Demands(1, 2, 3, 4, 5)


def _facts(answer: Demands | Exception) -> dict[str, object]:
    class Encoder(Counted):
        def demands(self) -> Demands:
            if isinstance(answer, Exception):
                raise answer
            return answer

    class Telling(Model):
        name = "telling"
        abilities = ("encode",)

        def encoder(self) -> Any:
            return Encoder()

    return demands_facts(Telling())


def test_demands_are_plain_data():
    assert _facts(DEMANDS) == {"demands": asdict(DEMANDS)}


def test_a_model_that_cannot_be_counted_says_why():
    assert _facts(NotApplicableError("a state per channel")) == {"demands_unknown": "a state per channel"}
    assert demands_facts(null_model()) == {"demands_unknown": "null does not tell them"}


def test_an_error_of_the_framework_loses_nothing():
    said = _facts(RuntimeError("shapes differ\nat layer 3"))

    assert said == {"demands_unknown": "counting failed: RuntimeError: shapes differ"}
