"""How the orchestrator and a worker exchange ``messages`` over one socket pair.

A frame is a 4-byte big-endian length and that many bytes of JSON: an object with a ``kind`` and the fields of the
dataclass in ``messages`` that has this kind. One worker's conversation:

===========================  ============================================
worker                       orchestrator
===========================  ============================================
``hello``                    ``load``
``parked`` (some loads)      ``proceed``, when its turn has come
``loaded``                   ``measure``
``progress`` (many)
``window`` that opens        ``go``, when no other worker disturbs it
``window`` that has closed
``measured``                 ``measure`` for the next case, or ``release``
===========================  ============================================

A worker answers ``failed`` to a load or a case that raises an exception. Its standard output and error are separate,
so that what a model prints cannot corrupt a message.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import orjson

from inference_bench.errors import ProtocolError
from inference_bench.orchestration.messages import Message, message_from

VERSION = 3
_HEADER = struct.Struct(">I")
HEADER_BYTES = _HEADER.size
MAX_FRAME_BYTES = 1 << 28
"""A longer frame is garbage: a hundred thousand samples take a few MiB."""


def encode(message: Message) -> bytes:
    """Return a message as one frame; paths become text and arrays become lists."""
    payload = orjson.dumps(message.to_plain(), default=_path_text, option=orjson.OPT_SERIALIZE_NUMPY)
    return _HEADER.pack(len(payload)) + payload


def _path_text(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")


def frame_size(header: bytes) -> int:
    """Return the length in bytes of the payload that follows this header.

    Raises:
        ProtocolError: the length is not plausible.
    """
    size: int = _HEADER.unpack(header)[0]
    if not 2 <= size <= MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {size} bytes: expected 2 to {MAX_FRAME_BYTES}")
    return size


def decode(payload: bytes) -> Message:
    """Return the message in a payload.

    Raises:
        ProtocolError: it is not JSON, or not a message.
    """
    try:
        plain = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(f"a frame that is not JSON ({error}): {payload[:60]!r}") from None
    return message_from(plain)


class Channel:
    """The worker's end of the socket pair; it blocks."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, message: Message) -> None:
        """Send one message."""
        self._connection.sendall(encode(message))

    def receive(self) -> Message | None:
        """Wait for the next message; None if the orchestrator has closed its end.

        Raises:
            ProtocolError: what came is not a message.
        """
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
