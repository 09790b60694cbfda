"""Keys come from the environment, and nothing shows them."""

from __future__ import annotations

import copy
import pickle

import pytest

from inference_bench.endpoint.key import VARIABLE, Key
from inference_bench.errors import InvalidValueError

SECRET = "my-own-secret"


def test_no_text_shows_a_key():
    key = Key(SECRET)

    assert key.header() == f"Bearer {SECRET}"
    assert SECRET not in f"{key} {key!r} {key.__slots__}" and not hasattr(key, "__dict__")


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_key_is_not_copied_into_files_or_messages(copied):
    with pytest.raises(TypeError, match="cannot be pickled"):
        copied(Key(SECRET))


def test_a_key_comes_from_its_variable(monkeypatch):
    monkeypatch.setenv(VARIABLE, SECRET)
    monkeypatch.setenv("MINE", "other")

    assert Key.from_environment().header() == f"Bearer {SECRET}"
    assert Key.from_environment("MINE").header() == "Bearer other"


def test_without_a_variable_there_is_no_key_but_a_named_one_must_exist(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)

    assert Key.from_environment() is None
    with pytest.raises(InvalidValueError, match=r"key variable: got 'NO_SUCH', .* Set it: export NO_SUCH="):
        Key.from_environment("NO_SUCH")


@pytest.mark.parametrize("secret", ["", "two words", "line\nbreak", "ключ", "tail\n"])
def test_what_cannot_stand_in_a_header_is_refused_and_not_shown(monkeypatch, secret):
    monkeypatch.setenv(VARIABLE, secret)

    with pytest.raises(InvalidValueError, match=f"environment variable {VARIABLE}: got '[0-9]+ characters") as raised:
        Key.from_environment()

    assert not secret or secret not in str(raised.value)
