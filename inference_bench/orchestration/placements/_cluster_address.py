"""The address of a Ray cluster, checked before Ray gets it: Ray itself tries for minutes, and may end the process."""

from __future__ import annotations

import os
import socket

from inference_bench.errors import InvalidValueError, UsageError

AUTO = "auto"
ADVICE = "Start one (`ray start --head`), or name it: --on ray://HOST:10001, or RAY_ADDRESS."
_WAIT_S = 5.0
_CLIENT = "ray://"
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""The preface of HTTP/2, which gRPC speaks, with an empty frame SETTINGS (RFC 9113, 3.4)."""
_FRAME_BYTES, _TYPE, _SETTINGS = 9, 3, 4


def check_cluster_address(address: str, given: str) -> None:
    """Refuse an address at which no server of Ray's kind answers within seconds.

    Args:
        address: ``auto``, ``HOST:PORT`` of a cluster, or ``ray://HOST:PORT`` of its server for clients.
        given: option or variable that it comes from.

    Raises:
        InvalidValueError: it is no such address.
        UsageError: no program answers there, or another one than Ray.
    """
    if address == AUTO:
        return
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise InvalidValueError(given, address, "ray://HOST:PORT" if given == "--on" else "HOST:PORT", ADVICE)
    try:
        greeted = _answer_of(host.strip("[]"), int(port))
    except (OSError, OverflowError) as error:
        raise UsageError(f"{cluster_at(address)} does not answer ({_reason(error)}). {ADVICE}") from error
    if len(greeted) <= _TYPE or greeted[_TYPE] != _SETTINGS:
        raise UsageError(f"{cluster_at(address)} is none: another program has that port. {ADVICE}")


def cluster_at(address: str) -> str:
    """Return the cluster as messages name it."""
    return "no Ray cluster is running here, or it" if address == AUTO else f"the Ray cluster at {address}"


def _answer_of(host: str, port: int) -> bytes:
    """Return the first bytes that a server answers to the greeting; where they are encrypted, that it is the right one.

    Raises:
        OSError: it cannot be reached, or is silent.
    """
    with socket.create_connection((host, port), _WAIT_S) as connection:
        if os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
            return bytes((0, 0, 0, _SETTINGS))
        connection.sendall(_GREETING)
        return connection.recv(_FRAME_BYTES)


def _reason(error: Exception) -> str:
    return "silent" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or str(error)
