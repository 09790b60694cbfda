"""The key of an endpoint: it comes from an environment variable, and is never shown or stored."""

from __future__ import annotations

import os
from typing import NoReturn

from inference_bench.errors import InvalidValueError
from inference_bench.text import HIDDEN

VARIABLE = "INFERENCE_BENCH_ENDPOINT_KEY"
"""The environment variable that holds the key, unless the user names another."""


class Key:
    """A secret that goes into the header of each request, and nowhere else: it has no text and cannot be pickled."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str, source: str = "the key") -> None:
        """Take a secret.

        Args:
            secret: one or more visible ASCII characters.
            source: where it comes from, for the error.

        Raises:
            InvalidValueError: the secret cannot stand in a header; the message does not show it.
        """
        if not secret or not all("!" <= character <= "~" for character in secret):
            given = f"{len(secret)} characters (not shown)"
            raise InvalidValueError(source, given, "visible ASCII characters without spaces", "Set it again.")
        self._secret = secret

    @classmethod
    def from_environment(cls, variable: str | None = None) -> Key | None:
        """Return the key of a variable; None where none is named and ``INFERENCE_BENCH_ENDPOINT_KEY`` is not set.

        Raises:
            InvalidValueError: a variable is named but not set, or its value cannot be a key.
        """
        secret = os.environ.get(variable or VARIABLE)
        if secret is None and variable is not None:
            expected = "the name of an environment variable that holds the endpoint's key"
            raise InvalidValueError("key variable", variable, expected, f"Set it: export {variable}=…")
        return None if secret is None else cls(secret, f"environment variable {variable or VARIABLE}")

    def header(self) -> str:
        """Return the value of the header ``Authorization``."""
        return f"Bearer {self._secret}"

    def hidden_in(self, text: str) -> str:
        """Return a text without the key: a server may repeat the key in its error."""
        return text.replace(self._secret, HIDDEN)

    def __repr__(self) -> str:
        return f"Key({HIDDEN})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be pickled: read it from the environment variable again")
