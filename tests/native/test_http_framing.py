"""The native framing of HTTP responses against h11, on right and broken responses cut anywhere."""

from __future__ import annotations

import itertools

import h11
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from inference_bench._native import _frame_response
from inference_bench._native_types import HttpFraming

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


# ---- h11's answer in our words


def framed_by_h11(pieces: list[bytes], ended: bool, method: bytes) -> tuple[str, int, bytes]:
    """(progress, status, body) as h11 has them; its body of what is unfinished or malformed counts for nothing."""
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    client.send(h11.Request(method=method, target=b"/", headers=[(b"Host", b"test")]))
    client.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        for piece in [*pieces, *([b""] if ended else [])]:
            if client.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED):
                break
            client.receive_data(piece)
            while (event := client.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    return "complete", status, body
                elif isinstance(event, h11.ConnectionClosed):
                    break
    except h11.RemoteProtocolError as error:
        early = "peer unexpectedly closed" in str(error) or "peer closed connection" in str(error)
        return ("unfinished" if early else "malformed"), status, b""
    return "unfinished", status, b""


def framed_by_us(pieces: list[bytes], ended: bool, method: bytes) -> HttpFraming:
    return _frame_response(pieces, ended=ended, bodiless=method == b"HEAD")


def check(pieces: list[bytes], ended: bool = True, method: bytes = b"GET") -> None:
    """Both read the same body, or both refuse; a length that no memory holds is refused by us, and awaited by h11."""
    theirs = framed_by_h11(pieces, ended, method)
    ours = framed_by_us(pieces, ended, method)
    if ours["progress"] == "too_large":
        assert theirs[0] != "complete"
        return
    complete = ours["progress"] == "complete"
    assert (ours["progress"], ours["body"] if complete else b"") == (theirs[0], theirs[2])
    if complete:
        assert ours["status"] == theirs[1]


def cut(data: bytes, at: list[int]) -> list[bytes]:
    """The pieces of `data` between the positions `at`."""
    edges = sorted({0, len(data), *(position % (len(data) + 1) for position in at)})
    return [data[begin:end] for begin, end in itertools.pairwise(edges)]


# ---- responses

token = st.text("abcXYZ-_09!", min_size=1, max_size=8).map(str.encode)
blanks = st.sampled_from([b"", b" ", b"\t", b"  "])
value = st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=12).map(lambda t: t.encode("latin-1"))
line_end = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])
size_text = st.sampled_from([b"0", b"5", b"05", b"3, 3", b"3, 4", b"", b"-1", b"+1", b"1e3", b"9" * 21, b" 7 "])


@st.composite
def field(draw: st.DrawFn) -> bytes:
    kind = draw(st.integers(0, 9))
    if kind == 0:
        named = b"Content-Length"
    elif kind == 1:
        named = draw(st.sampled_from([b"transfer-encoding", b"Transfer-Encoding"]))
    elif kind == 2:
        named = b"Connection"
    else:
        named = draw(token)
    values = {
        0: size_text,
        1: st.sampled_from([b"chunked", b"Chunked", b"gzip, chunked", b"identity", b"chunked, chunked"]),
        2: st.sampled_from([b"close", b"keep-alive", b"x, Close", b""]),
    }
    text = draw(values.get(kind, value))
    folded = draw(st.sampled_from([b"", b"", b"", b"\r\n more", b"\r\n\t"]))
    return named + b":" + draw(blanks) + text + draw(blanks) + folded + draw(line_end)


@st.composite
def head(draw: st.DrawFn, framing: bytes) -> bytes:
    version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]))
    status = draw(st.sampled_from([b"200", b"200", b"200", b"404", b"204", b"304", b"500", b"999"]))
    reason = draw(st.sampled_from([b" OK", b" ", b"", b" Not Found"]))
    fields = draw(st.lists(field(), max_size=3))
    fields.insert(draw(st.integers(0, len(fields))), framing)
    return version + b" " + status + reason + draw(line_end) + b"".join(fields) + draw(line_end)


@st.composite
def chunked_body(draw: st.DrawFn) -> bytes:
    out = b""
    for chunk in draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5)):
        size = draw(st.sampled_from([f"{len(chunk):x}", f"{len(chunk):X}", f"{len(chunk):04x}"])).encode()
        extension = draw(st.sampled_from([b"", b"", b";a", b';a="b;c"', b" ", b" ;a", b";"]))
        out += size + extension + b"\r\n" + chunk + b"\r\n"
    trailers = draw(st.sampled_from([b"", b"", b"A: b\r\n", b"Content-Length: 9\r\n", b"bad\r\n", b" folded\r\n"]))
    return out + b"0\r\n" + trailers + b"\r\n"


@st.composite
def response(draw: st.DrawFn) -> bytes:
    informational = draw(
        st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"])
    )
    kind = draw(st.sampled_from(["sized", "chunked", "until close"]))
    if kind == "chunked":
        return informational + draw(head(b"Transfer-Encoding: chunked\r\n")) + draw(chunked_body())
    body = draw(st.binary(max_size=60))
    framing = b"Content-Length: %d\r\n" % len(body) if kind == "sized" else b""
    return informational + draw(head(framing)) + body


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A response with some bytes changed, dropped or put in."""
    data = bytearray(draw(response()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        byte = draw(st.sampled_from(b"\r\n :;,\t\x00\x0b0159afgH\xff"))
        change = draw(st.sampled_from(["replace", "insert", "drop"]))
        if change == "insert" or not data:
            data.insert(at, byte)
        elif change == "replace":
            data[at] = byte
        else:
            del data[at]
    return bytes(data)


def only_h11_allows(data: bytes) -> bool:
    """HTTP/2 and later in the status line, which is no HTTP/1.1."""
    return any(line[:5] == b"HTTP/" and line[5:6] not in (b"1", b"") for line in data.replace(b"\r", b"").split(b"\n"))


cuts = st.lists(st.integers(0, 400), max_size=6)
method = st.sampled_from([b"GET", b"GET", b"POST", b"HEAD"])


@settings(max_examples=400, deadline=None)
@given(response(), cuts, st.booleans(), method)
@example(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", [], False, b"GET")
def test_responses_are_read_as_h11_reads_them(data: bytes, at: list[int], ended: bool, asked: bytes):
    check(cut(data, at), ended, asked)


@settings(max_examples=600, deadline=None)
@given(broken(), cuts, st.booleans(), method)
@example(b"HTTP/1.1 200 OK\r\n\x0b: x\r\n\r\n", [], True, b"GET")
@example(b"HTTP/1.1 200 OK\r\nContent-Length:99999999999999999999\r\n\r\n", [], False, b"GET")
def test_broken_responses_are_refused_where_h11_refuses_them(data: bytes, at: list[int], ended: bool, asked: bytes):
    assume(not only_h11_allows(data))
    check(cut(data, at), ended, asked)


@settings(max_examples=60, deadline=None)
@given(st.one_of(response(), broken()), method)
def test_where_it_is_cut_makes_no_difference(data: bytes, asked: bytes):
    whole = framed_by_us([data], True, asked)
    complete = whole["progress"] == "complete"
    cuts_of_two = [[data[:at], data[at:]] for at in range(1, len(data))]
    for pieces in [*cuts_of_two, [data[i : i + 1] for i in range(len(data))]]:
        framed = framed_by_us(pieces, True, asked)
        assert framed == whole if complete else framed["progress"] == whole["progress"]


# ---- single rules


@pytest.mark.parametrize(
    ("data", "progress"),
    [
        (b"HTTP/2.0 200 OK\r\n\r\n", "malformed"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "malformed"),
        (b"HTTP/1.1 099 No\r\n\r\n", "malformed"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "malformed"),
        (b"\x16\x03\x01", "malformed"),
        (b"\r\n", "malformed"),
        (CHUNKED + b"8000000000000000\r\n", "too_large"),
        (CHUNKED + b"ffffffffffffffff\r\n", "too_large"),
        (CHUNKED + b"1" + b"0" * 19 + b"\r\n", "too_large"),
        (CHUNKED + b"1" + b"0" * 20 + b"\r\n", "malformed"),
        (CHUNKED + b"0" * 20 + b"\r\n\r\n", "complete"),
        (CHUNKED + b"g\r\n", "malformed"),
        (CHUNKED + b"-1\r\n", "malformed"),
        (CHUNKED + b"1\r\nab\r\n", "malformed"),
        (CHUNKED + b"1\r\na\n", "malformed"),
        (OK + b"Content-Length: 18446744073709551615\r\n\r\n", "too_large"),
        (OK + b"Content-Length: 99999999999999999999\r\n\r\n", "too_large"),
        (OK + b"A: " + b"x" * (1 << 20), "too_large"),
        (CHUNKED + b"1;" + b"x" * (1 << 20), "too_large"),
        (CHUNKED + b"0\r\nA: " + b"x" * (1 << 20), "too_large"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000, "unfinished"),
    ],
)
def test_limits_and_refusals(data: bytes, progress: str):
    assert _frame_response([data])["progress"] == progress
    assert _frame_response(cut(data, [3, 40, 90]))["progress"] == progress


def test_all_bytes_count_against_the_limit():
    data = OK + b"Content-Length: 5\r\n\r\nhello"
    assert _frame_response([data], most_bytes=len(data))["progress"] == "complete"
    assert _frame_response([data], most_bytes=len(data) - 1)["progress"] == "too_large"
    endless = [b"HTTP/1.1 100 Continue\r\n\r\n"] * 50
    assert _frame_response(endless, most_bytes=1_000)["progress"] == "too_large"
    assert _frame_response([OK + b"\r\n", b"x" * 999], most_bytes=1_000)["progress"] == "too_large"


@pytest.mark.parametrize(
    ("data", "reusable"),
    [
        (OK + b"Content-Length: 0\r\n\r\n", True),
        (OK + b"Content-Length: 0\r\nConnection: close\r\n\r\n", False),
        (OK + b"Content-Length: 0\r\nConnection: keep-alive, CLOSE\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
        (CHUNKED + b"0\r\n\r\n", True),
        (OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
        (OK + b"\r\nall of it", False),
    ],
)
def test_whether_the_connection_may_be_used_again(data: bytes, reusable: bool):
    framed = _frame_response([data], ended=True)
    assert framed["progress"] == "complete"
    assert framed["reusable"] == reusable


def test_what_follows_a_response_is_not_taken():
    framed = _frame_response([OK + b"Content-Length: 2\r\n\r\nokHTTP/1.1 "])
    assert (framed["body"], framed["rest"]) == (b"ok", 9)
    assert framed["head"] == OK + b"Content-Length: 2\r\n\r\n"


def test_informational_responses_are_dropped():
    framed = _frame_response([b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n"])
    assert (framed["status"], framed["head"]) == (200, OK + b"Content-Length: 0\r\n\r\n")
