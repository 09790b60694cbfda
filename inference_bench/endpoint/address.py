"""The address of an endpoint, and the requests that it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from inference_bench.endpoint.key import Key
from inference_bench.errors import InvalidValueError
from inference_bench.text import without_secrets

_PORTS = {"http": 80, "https": 443}
_DEFAULT_PATH = "/v1"
_EXPECTED = "an address such as http://127.0.0.1:8000/v1"
_ROUTES = ("/chat/completions", "/completions", "/models")
_AGENT = "inference-bench"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an OpenAI-compatible server listens.

    Attributes:
        scheme: ``http`` or ``https``.
        host: name or IP address, without brackets.
        port: 1 to 65535.
        path: what stands before each route, such as ``/v1``; it begins with a slash, or is empty, and ends without one.
    """

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address; one without a path means ``/v1``.

        >>> Address.parse("http://127.0.0.1:8000")
        Address(scheme='http', host='127.0.0.1', port=8000, path='/v1')

        Raises:
            InvalidValueError: it is no http(s) address, or holds a user, a password, a query or one of the routes.
        """
        parts, port = _split(text)
        for refused, advice in _faults(text, parts):
            if refused:
                raise InvalidValueError("endpoint", without_secrets(text), _EXPECTED, advice)
        path = parts.path.rstrip("/") or _DEFAULT_PATH
        return cls(parts.scheme, _host(text, parts.hostname or ""), port or _PORTS[parts.scheme], path)

    @property
    def root(self) -> Address:
        """The address without ``/v1`` at its end: where ``/metrics``, ``/version`` and ``/props`` are."""
        return Address(self.scheme, self.host, self.port, self.path.removesuffix(_DEFAULT_PATH))

    @property
    def authority(self) -> str:
        """Host and port as the header ``Host`` writes them: without the port that the scheme implies."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def request(
        self,
        method: str,
        route: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        key: Key | None = None,
    ) -> bytes:
        """Return the bytes of an HTTP/1.1 request; the connection stays open afterwards.

        Args:
            method: ``GET`` or ``POST``.
            route: what follows the address, such as ``/chat/completions``.
            headers: added to ours, or in their place.
            body: JSON, or nothing.
            key: sent as ``Authorization: Bearer``.

        Raises:
            InvalidValueError: a header is not of printable ASCII characters.
        """
        lines = [f"{method} {self.path}{route} HTTP/1.1"]
        lines += [f"{name}: {_header(name, value)}" for name, value in self.headers(body, key, headers).items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def headers(self, body: bytes, key: Key | None = None, added: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the headers of a request with a body, or with none; added ones replace ours."""
        ours = {"Host": self.authority, "User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        if body:
            ours |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if key is not None:
            ours["Authorization"] = key.header()
        names = {name.lower() for name in added or {}}
        return {name: value for name, value in ours.items() if name.lower() not in names} | dict(added or {})


def _split(text: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(text)
        return parts, parts.port
    except ValueError as error:  # a port that is no number, a bracket that is not closed
        raise InvalidValueError("endpoint", without_secrets(text), _EXPECTED, f"{error}.") from None


def _faults(text: str, parts: SplitResult) -> list[tuple[bool, str]]:
    """Return what an address must not be, each with whether it is, and with advice."""
    route = next((each for each in _ROUTES if parts.path.rstrip("/").endswith(each)), "")
    return [
        (any(character.isspace() or not character.isprintable() for character in text), "Remove the spaces."),
        (parts.scheme not in _PORTS, "Begin with http:// or https://."),
        (not parts.hostname, "Name the host."),
        (parts.port == 0, "Name a port from 1 to 65535."),
        ("@" in parts.netloc, "Put the key into the environment, not into the address."),
        (bool(parts.query or parts.fragment), "Leave out what follows the path."),
        (bool(route), f"Leave out {route}: the benchmark adds it."),
        (not parts.path.isascii(), "Write other letters of the path as %XX."),
    ]


def _host(text: str, name: str) -> str:
    """Return a host's name as DNS writes it."""
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError as error:
        raise InvalidValueError("endpoint", without_secrets(text), _EXPECTED, f"The host's name: {error}.") from None


def _header(name: str, value: str) -> str:
    text = f"{name}{value}"
    if not (name and text.isascii() and text.isprintable()) or ":" in name or " " in name:
        raise InvalidValueError("header", name, "a name and a value of printable ASCII characters")
    return value
