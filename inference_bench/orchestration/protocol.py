"""What the orchestrator and a worker say to each other, over one socket pair.

A frame is a 4-byte big-endian length and that many bytes of JSON: an object with a ``kind``.

=============  ==================  ====================================================================
kind           from                fields
=============  ==================  ====================================================================
``hello``      worker              ``version``, ``pid``, ``ready_ns``
``load``       orchestrator        ``model_file``, ``setup``, ``weights``, ``case`` (the first), ``benchmark_file``,
                                   ``limits``, ``parks``: whether to wait before the copy to the device
``parked``     worker              nothing; all is on the host
``proceed``    orchestrator        nothing; the answer to it: its turn has come
``loaded``     worker              ``model``, ``steps``
``measure``    orchestrator        ``case``, ``benchmark_file``, ``limits``
``progress``   worker              ``iterations``, ``samples``, ``medians``, ``widths``
``window``     worker              ``opens``: a timed window opens, or has closed
``go``         orchestrator        nothing; the answer to a window that opens: nobody else runs now
``measured``   worker              ``samples``, ``scores``, ``rates``, ``memory``, ``decision``, ``worker``, ``notes``
``failed``     worker              ``status``, ``cause``, ``detail``
``release``    orchestrator        nothing; the worker unloads and exits
=============  ==================  ====================================================================

The worker's standard output and error are no part of it, so whatever a model prints cannot corrupt a message.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from typing import Any

import orjson

from inference_bench.errors import ProtocolError

VERSION = 3
_HEADER = struct.Struct(">I")
HEADER_BYTES = _HEADER.size
MAX_FRAME_BYTES = 1 << 28
"""A frame above this is garbage, not a message: a hundred thousand samples take a few MiB."""


def encode(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Return one frame."""
    payload = orjson.dumps({"kind": kind, **fields}, option=orjson.OPT_SERIALIZE_NUMPY)
    return _HEADER.pack(len(payload)) + payload


def frame_size(header: bytes) -> int:
    """Return the length of the payload that follows this header.

    Raises:
        ProtocolError: the length is not plausible.
    """
    size: int = _HEADER.unpack(header)[0]
    if not 2 <= size <= MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {size} bytes: expected 2 to {MAX_FRAME_BYTES}")
    return size


def decode(payload: bytes) -> dict[str, Any]:
    """Return the message in a payload.

    Raises:
        ProtocolError: it is not a JSON object with a ``kind``.
    """
    try:
        message = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(f"a frame that is not JSON ({error}): {payload[:60]!r}") from None
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
        raise ProtocolError(f"a message without a kind: {payload[:60]!r}")
    return message


class Channel:
    """The worker's blocking end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message."""
        self._connection.sendall(encode(kind, fields))

    def receive(self) -> dict[str, Any] | None:
        """Wait for the next message; None when the orchestrator is gone."""
        header = self._read(HEADER_BYTES)
        if header is None:
            return None
        payload = self._read(frame_size(header))
        return None if payload is None else decode(payload)

    def _read(self, size: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < size:
            part = self._connection.recv(size - len(parts))
            if not part:
                return None
            parts += part
        return bytes(parts)
