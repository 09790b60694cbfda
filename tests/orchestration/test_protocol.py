"""Frames survive the socket whole, and garbage is refused with a clear error."""

from __future__ import annotations

import socket
import struct
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.errors import ProtocolError
from inference_bench.orchestration import protocol

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text().filter(lambda name: name != "kind"), _JSON, max_size=5))
def test_a_message_is_read_back_as_it_was_sent(fields):
    frame = protocol.encode("result", fields)
    size = protocol.frame_size(frame[: protocol.HEADER_BYTES])
    assert protocol.decode(frame[protocol.HEADER_BYTES :]) == {"kind": "result", **fields}
    assert size == len(frame) - protocol.HEADER_BYTES


def test_arrays_travel_as_lists():
    frame = protocol.encode("measured", {"value": np.array([1, 2**62], dtype=np.int64)})
    assert protocol.decode(frame[protocol.HEADER_BYTES :])["value"] == [1, 2**62]


def test_a_channel_joins_what_the_socket_cuts():
    ours, theirs = socket.socketpair()
    fields = {"values": list(range(200_000))}
    sender = threading.Thread(target=lambda: protocol.Channel(theirs).send("measured", **fields))
    sender.start()
    message = protocol.Channel(ours).receive()
    sender.join()
    assert message == {"kind": "measured", **fields}
    theirs.close()
    assert protocol.Channel(ours).receive() is None
    ours.close()


def test_a_frame_cut_short_is_the_end():
    ours, theirs = socket.socketpair()
    theirs.sendall(protocol.encode("hello", {"version": 1})[:-3])
    theirs.close()
    assert protocol.Channel(ours).receive() is None
    ours.close()


@pytest.mark.parametrize("size", [0, 1, protocol.MAX_FRAME_BYTES + 1, 2**32 - 1])
def test_an_implausible_length_is_refused(size):
    with pytest.raises(ProtocolError, match=str(size)):
        protocol.frame_size(struct.pack(">I", size))


@pytest.mark.parametrize("payload", [b"\xff\xff", b"[1, 2]", b"{}", b'{"kind": 3}', b'{"kind": "x"', b"null"])
def test_garbage_is_refused(payload):
    with pytest.raises(ProtocolError):
        protocol.decode(payload)
