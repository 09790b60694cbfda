"""Messages survive the socket whole, and garbage is refused with a clear error."""

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
from inference_bench.orchestration.messages import Hello, Loaded, Measured

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def measured(samples):
    """Return a message with these samples."""
    return Measured(
        samples=samples,
        scores={"value": []},
        rates={},
        memory=None,
        decision={"converged": True, "reason": "", "targets": {}},
        worker={
            "pid": 1,
            "first_case": True,
            "load_steps": [],
            "usage": {},
            "clock": {},
            "busy_threads": 2,
            "waited_ns": 0,
            "work": {},
            "versions": {},
            "sampler": None,
        },
        notes=[],
    )


def sent(message):
    """Return a message as the other side reads it."""
    return protocol.decode(protocol.encode(message)[protocol.HEADER_BYTES :])


@given(st.dictionaries(st.text(), _JSON, max_size=5))
def test_what_a_model_says_of_itself_is_read_back_as_it_was_sent(model):
    frame = protocol.encode(Loaded(model, ()))

    assert protocol.decode(frame[protocol.HEADER_BYTES :]) == Loaded(model, ())
    assert protocol.frame_size(frame[: protocol.HEADER_BYTES]) == len(frame) - protocol.HEADER_BYTES


def test_arrays_travel_as_lists():
    assert sent(measured({"value": np.array([1, 2**62], dtype=np.int64)})).samples["value"] == [1, 2**62]


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(TypeError):
        protocol.encode(Loaded({"name": object()}, ()))


def test_a_channel_joins_what_the_socket_cuts():
    ours, theirs = socket.socketpair()
    whole = measured({"value": list(range(200_000))})
    sender = threading.Thread(target=lambda: protocol.Channel(theirs).send(whole))
    sender.start()
    message = protocol.Channel(ours).receive()
    sender.join()
    assert message == whole
    theirs.close()
    assert protocol.Channel(ours).receive() is None
    ours.close()


def test_a_frame_cut_short_is_the_end():
    ours, theirs = socket.socketpair()
    theirs.sendall(protocol.encode(Hello(1, 2, 3))[:-3])
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
