from __future__ import annotations

import math
from dataclasses import MISSING, fields
from typing import get_type_hints

import orjson
import pytest

from inference_bench.errors import RunFormatError
from inference_bench.facts import Environment
from inference_bench.machine.environment import describe_environment
from inference_bench.result import Estimate, RunRecord, Summary
from inference_bench.results.documents import PairingDocument, RecordDocument, ResultEntry
from inference_bench.results.noise_store import NoiseDocument
from inference_bench.results.reading import DEEPEST, read_as
from inference_bench.results.serialization import plain, result_to_plain
from inference_bench.spec import Limits, Setup, Spec
from tests.results.mutations import nested
from tests.stored_run import RESULT_IN_JSON, SUMMARY


class Nothing:
    """A value that JSON does not have: only a field of any type accepts it."""


SOUND = {
    Summary: plain(SUMMARY),
    Estimate: plain(SUMMARY.quantiles["p50"]),
    Setup: plain(Setup()),
    Limits: plain(Limits()),
    Spec: plain(Spec(("tiny",), ("inference_speed",))),
    ResultEntry: {**result_to_plain(RESULT_IN_JSON), "samples": None, "memory": None, "scores": "scores/a.parquet"},
    NoiseDocument: {"schema_version": 1, "sessions": []},
    PairingDocument: {"sides": [{"name": "a", "run": "b"}, {"name": "a", "run": "b"}], "level": 0.95},
    RecordDocument: {"spec": {}, "environment": {}, "clock": {}, "overlap": {}, "cases": []},
    RunRecord: {"id": "a", "created_utc": "b", "spec": {}, "environment": {}, "cases": [], "finished": True},
}


@pytest.mark.parametrize("kind", SOUND, ids=lambda kind: kind.__name__)
def test_every_declared_field_is_checked_and_named(kind):
    read_as(kind, SOUND[kind], "file")
    for name in get_type_hints(kind):
        with pytest.raises(RunFormatError, match=rf"^file: {name}\b.* is .*, expected "):
            read_as(kind, {**SOUND[kind], name: Nothing()}, "file")


@pytest.mark.parametrize("kind", [kind for kind in SOUND if hasattr(kind, "__dataclass_fields__")])
def test_what_has_no_default_must_be_there(kind):
    for field in fields(kind):
        if field.default is MISSING and field.default_factory is MISSING:
            data = {name: value for name, value in SOUND[kind].items() if name != field.name}
            with pytest.raises(RunFormatError, match=f"^file: {field.name} is missing, expected "):
                read_as(kind, data, "file")


def test_the_description_of_this_machine_is_read_back_as_it_is():
    found = orjson.loads(orjson.dumps(plain(describe_environment())))

    assert read_as(Environment, found, "run.json") == found
    assert found.keys() <= get_type_hints(Environment).keys()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"cpu": "x"}, "cpu is 'x', expected an object"),
        ({"cpu": {"usable": "2"}}, "cpu.usable is '2', expected a whole number"),
        ({"cpu": {"usable": True}}, "cpu.usable is True, expected a whole number"),
        ({"cpu": {"flags": ["avx", 3]}}, "cpu.flags[1] is 3, expected text"),
        ({"cpu": {"caches": {"L1 d": "x"}}}, "cpu.caches['L1 d'] is 'x', expected a whole number"),
        ({"cpu": {"turbo": "\x1b[31m\u202e"}}, r"cpu.turbo is '\x1b[31m\u202e', expected true or false or null"),
        ({"packages": {"torch": "x" * 999, "numpy": 1}}, "packages.numpy is 1, expected text"),
        (["x"], "content is ['x'], expected an object"),
    ],
)
def test_the_message_names_file_key_given_and_expected(given, told):
    with pytest.raises(RunFormatError) as error:
        read_as(Environment, given, "run.json")
    assert str(error.value).startswith(f"run.json: {told}. It was changed by hand")


def test_null_is_a_number_that_json_cannot_hold():
    found = read_as(Summary, {**plain(SUMMARY), "mean": None, "cold": None}, "results.json")

    assert math.isnan(found.mean)
    assert found.cold is None


def test_a_value_of_the_right_type_that_is_not_allowed_is_told():
    with pytest.raises(RunFormatError, match=r"^run.json: limits is not allowed \(budget ns: got 0"):
        read_as(Spec, {**SOUND[Spec], "limits": {**plain(Limits()), "budget_ns": 0}}, "run.json")


@pytest.mark.parametrize("depth", [DEEPEST - 1, DEEPEST + 1, 50_000])
def test_what_may_be_anything_may_not_be_nested_for_ever(depth):
    document = {**SOUND[RunRecord], "spec": {"a": nested(depth)}}
    if depth < DEEPEST:
        assert read_as(RunRecord, document, "run.json").spec == document["spec"]
        return
    with pytest.raises(RunFormatError, match=r"^run.json: spec.a is nested more than 100 levels deep"):
        read_as(RunRecord, document, "run.json")
