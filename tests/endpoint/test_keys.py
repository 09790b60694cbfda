"""Each endpoint gets the key that was named for it, and no other."""

from __future__ import annotations

import os

import pytest

from inference_bench.endpoint.address import Address
from inference_bench.endpoint.key import VARIABLE
from inference_bench.endpoint.keys import OWNERS, key_for, use_variables
from inference_bench.errors import InvalidValueError

FIRST, SECOND = "http://127.0.0.1:8000/v1", "https://example.org/v1"


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in (VARIABLE, OWNERS):
        monkeypatch.setenv(name, "")  # so that what the test sets is undone
        monkeypatch.delenv(name)
    for name in ("ONE", "TWO", "ALL"):
        monkeypatch.setenv(name, f"secret-of-{name.lower()}")


def sent_to(url):
    key = key_for(Address.parse(url))
    return None if key is None else key.header()


def test_a_key_of_all_endpoints_and_keys_of_their_own():
    use_variables(["ALL", f"ONE@{FIRST}"])

    assert sent_to(FIRST) == "Bearer secret-of-one"
    assert sent_to(SECOND) == "Bearer secret-of-all"


def test_an_endpoint_without_a_key_gets_none():
    use_variables([f"ONE@{FIRST}"])

    assert sent_to(SECOND) is None
    assert sent_to("http://127.0.0.1:8001/v1") is None


def test_an_address_is_read_as_that_of_the_endpoint():
    use_variables(["ONE@http://127.0.0.1:8000"])  # its path is /v1

    assert sent_to(FIRST) == "Bearer secret-of-one"


def test_what_workers_inherit_does_not_repeat_a_key():
    use_variables([f"ONE@{FIRST}", f"TWO@{SECOND}"])

    assert os.environ[OWNERS] == f"ONE@{FIRST} TWO@{SECOND}"
    assert sent_to(SECOND) == "Bearer secret-of-two"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["ONE", "TWO"], r"got 'ONE, TWO', expected one NAME for all endpoints"),
        ([f"ONE@{FIRST}", f"TWO@{FIRST}"], "expected one NAME for all endpoints"),
        (["NO_SUCH"], "got 'NO_SUCH', .* export NO_SUCH="),
        ([f"NO_SUCH@{FIRST}"], "export NO_SUCH="),
        (["ONE@nowhere"], "got 'nowhere'"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, message):
    with pytest.raises(InvalidValueError, match=message):
        use_variables(given)
