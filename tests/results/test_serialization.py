from __future__ import annotations

import numpy as np
import orjson
import pytest

from inference_bench.result import Status
from inference_bench.results.documents import ResultEntry
from inference_bench.results.reading import read_as
from inference_bench.results.serialization import plain, result_from_plain, result_to_plain
from tests.stored_run import RESULT_IN_JSON


@pytest.mark.parametrize(
    "section", [lambda data: data, lambda data: data["summaries"][0], lambda data: data["case"]["setup"]]
)
def test_an_unknown_field_of_a_later_version_is_ignored(section):
    data = result_to_plain(RESULT_IN_JSON)
    section(data)["later"] = 1

    assert result_from_plain(read_as(ResultEntry, data, "results.json")) == RESULT_IN_JSON


class Odd:
    def __str__(self):
        return "odd"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(1.5), 1.5),
        (np.int64(7), 7),
        (np.array([1, 2]), [1, 2]),
        (float("nan"), None),
        (float("inf"), None),
        (1 << 70, str(1 << 70)),
        ("lone surrogate \udcff", "lone surrogate ?"),
        ({1: Odd()}, {"1": "odd"}),
        (Status.OK, "ok"),
        (True, True),
    ],
)
def test_plain_takes_anything(value, expected):
    assert plain(value) == expected
    orjson.dumps(plain(value))


def test_a_password_in_a_url_reaches_no_file():
    text = "HTTPError: 401 for https://me:secret@hub.example.org/x"

    assert plain({"detail": [text]}) == {"detail": ["HTTPError: 401 for https://(set)@hub.example.org/x"]}
