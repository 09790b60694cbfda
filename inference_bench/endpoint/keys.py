"""Which key goes to which server: told by the names of environment variables, never by what they hold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from inference_bench.endpoint.address import Address
from inference_bench.endpoint.key import VARIABLE, Key
from inference_bench.errors import InvalidValueError

OWNERS = "INFERENCE_BENCH_ENDPOINT_KEY_VARIABLES"
"""The environment variable that tells workers which variable has the key of which server: ``NAME@URL NAME@URL``."""


def key_for(address: Address) -> Key | None:
    """Return the key of an endpoint: of the variable that was named for it, else of ``VARIABLE``; None without one.

    Raises:
        InvalidValueError: the variable is not set, or its value cannot be a key.
    """
    for variable, of in _owners(os.environ.get(OWNERS, "").split()):
        if of == address:
            return Key.from_environment(variable)
    return Key.from_environment()


def use_variables(given: Sequence[str]) -> None:
    """Let these variables hold the keys, in this process and in those that it starts.

    Args:
        given: ``NAME@URL`` for the key of one endpoint; at most one ``NAME``, for all others.

    Raises:
        InvalidValueError: a variable that is not set, no address, or two variables for the same endpoints.
    """
    for variable in (each.partition("@")[0] for each in given):
        if not os.environ.get(variable):
            expected = "a variable of the environment that holds the key"
            raise InvalidValueError("endpoint key variable", variable, expected, f"Set it: export {variable}=...")
    general = [each for each in given if "@" not in each]
    owned = [each for each in given if "@" in each]
    addresses = [address for _, address in _owners(owned)]
    if len(general) > 1 or len(set(addresses)) < len(addresses):
        expected = "one NAME for all endpoints, and one NAME@URL for each that has a key of its own"
        raise InvalidValueError("endpoint key variables", ", ".join(given), expected)
    if general:
        os.environ[VARIABLE] = os.environ[general[0]]
    if owned:
        os.environ[OWNERS] = " ".join(owned)


def _owners(texts: Sequence[str]) -> Iterator[tuple[str, Address]]:
    for text in texts:
        variable, _, url = text.partition("@")
        yield variable, Address.parse(url)
