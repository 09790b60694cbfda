"""Single questions to a server outside of loads: what it is, how it counts, its metrics. Nothing here is timed."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any

import orjson

from inference_bench.endpoint.address import Address
from inference_bench.endpoint.failure import shown, status_detail
from inference_bench.endpoint.key import Key
from inference_bench.errors import EndpointError
from inference_bench.units import format_bytes

_MOST_BYTES = 16 * 2**20
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Attributes:
        status: of HTTP.
        headers: by name in lower case.
        body: all bytes.
        said: the status with what the server said in its body, as one line without secrets.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    said: str

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def fields(self) -> Mapping[str, Any]:
        """Return the JSON object of the body; an empty one where it is none."""
        try:
            said = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return said if isinstance(said, dict) else {}


class Client:
    """Asks a server one question after another, each on a connection of its own."""

    def __init__(
        self, address: Address, key: Key | None = None, timeout_s: float = 30.0, tls_ca: str | None = None
    ) -> None:
        """Open nothing yet.

        Args:
            address: what stands before each route.
            key: sent with each question.
            timeout_s: limit of one question, and of each wait within it.
            tls_ca: file of the certificates that are trusted; None for the system's.
        """
        self._tls_ca = tls_ca
        self.address = address
        self._key = key
        self._timeout_s = timeout_s

    @property
    def has_key(self) -> bool:
        """Whether a key is sent."""
        return self._key is not None

    def at(self, address: Address, timeout_s: float | None = None) -> Client:
        """Return a client with the same key for another address of the server, or with another limit."""
        return Client(address, self._key, timeout_s or self._timeout_s, self._tls_ca)

    def get(self, route: str) -> Reply:
        """Ask for a route.

        Raises:
            EndpointError: no answer of HTTP came.
        """
        return self._ask("GET", route, b"")

    def post(self, route: str, body: bytes | Mapping[str, Any]) -> Reply:
        """Send JSON to a route.

        Raises:
            EndpointError: no answer of HTTP came.
        """
        return self._ask("POST", route, body if isinstance(body, bytes) else orjson.dumps(dict(body)))

    def posted(self, route: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send JSON to a route and return the JSON object that it answers.

        Raises:
            EndpointError: no answer came, or one with another status or without JSON.
        """
        reply = self.post(route, fields)
        if not reply.is_success or not reply.fields():
            raise EndpointError(f"POST {self.address}{route}: got {reply.said}, expected a JSON object")
        return reply.fields()

    def _ask(self, method: str, route: str, body: bytes) -> Reply:
        connection = self._connection()
        try:
            headers = self.address.headers(body, self._key)
            connection.request(method, self.address.path + route, body or None, headers)
            with connection.getresponse() as response:
                return self._reply(response)
        except (OSError, HTTPException, ValueError, OverflowError) as error:
            raise EndpointError(self._no_answer(error)) from None
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        host, port = self.address.host, self.address.port
        if self.address.scheme == "http":
            return HTTPConnection(host, port, timeout=self._timeout_s)
        return HTTPSConnection(
            host, port, timeout=self._timeout_s, context=ssl.create_default_context(cafile=self._tls_ca)
        )

    def _reply(self, response: HTTPResponse) -> Reply:
        body = self._body(response)
        headers = {name.lower(): value for name, value in response.getheaders()}
        said = status_detail(response.status, headers.get("location", "").encode(), body, self._key)
        return Reply(response.status, headers, body, said)

    def _body(self, response: HTTPResponse) -> bytes:
        """Read a body within the limits of time and size: a server may send for ever."""
        deadline = time.monotonic() + self._timeout_s
        parts: list[bytes] = []
        while part := response.read1(_READ_BYTES):
            parts.append(part)
            if time.monotonic() > deadline:
                raise TimeoutError(f"the answer took more than {self._timeout_s:g} s")
            if sum(map(len, parts)) > _MOST_BYTES:
                raise ValueError(f"the answer has more than {format_bytes(_MOST_BYTES)}")
        return b"".join(parts)

    def _no_answer(self, error: Exception) -> str:
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason, advice = shown(text.encode(), self._key), "Check the address and the server's log."
        if isinstance(error, ConnectionRefusedError):
            advice = "Start the server, or check host and port."
        elif isinstance(error, ssl.SSLError | HTTPException):
            advice = "Check scheme and port."
        return f"endpoint {self.address}: got {reason!r}, expected an answer over HTTP. {advice}"
