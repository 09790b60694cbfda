from __future__ import annotations

import inspect
import re

import pytest

from inference_bench import errors
from inference_bench.errors import InferenceBenchError, InvalidValueError, UnknownNameError, UsageError

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == errors.__name__
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_is_ours_and_stands_in_the_tree_of_the_docstring(cls):
    assert issubclass(cls, InferenceBenchError)
    assert re.search(rf"\b{cls.__name__}\b", inspect.getdoc(errors))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_only_a_request_that_cannot_be_carried_out_exits_with_2(cls):
    assert cls.exit_code == (2 if issubclass(cls, UsageError) else 1)


def test_an_unknown_name_guesses_and_lists():
    error = UnknownNameError("model", "nul", ["smollm2", "null"])

    assert str(error) == "unknown model 'nul': did you mean 'null'? Known: null, smollm2."


def test_an_unknown_name_that_resembles_nothing_only_lists():
    assert str(UnknownNameError("model", "qwertz", ["null"])) == "unknown model 'qwertz': Known: null."


def test_an_unknown_name_where_there_is_none():
    assert str(UnknownNameError("axis", "batch", [])) == "unknown axis 'batch': Known: none."


def test_an_invalid_value_says_given_expected_and_what_to_do():
    error = InvalidValueError("runs", 0, "a whole number of at least 1", "Leave it out for 1.")

    assert str(error) == "runs: got 0, expected a whole number of at least 1. Leave it out for 1."
