"""Addresses of endpoints, and the bytes of requests."""

from __future__ import annotations

import pytest

from inference_bench.endpoint.address import Address
from inference_bench.endpoint.key import Key
from inference_bench.errors import InvalidValueError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:8000/v1", Address("http", "127.0.0.1", 8000, "/v1")),
        ("http://127.0.0.1:8000/v1/", Address("http", "127.0.0.1", 8000, "/v1")),
        ("http://localhost:8000", Address("http", "localhost", 8000, "/v1")),
        ("http://localhost", Address("http", "localhost", 80, "/v1")),
        ("HTTPS://API.example.org/openai/v1", Address("https", "api.example.org", 443, "/openai/v1")),
        ("http://[::1]:8000/v1", Address("http", "::1", 8000, "/v1")),
        ("http://bücher.example/v1", Address("http", "xn--bcher-kva.example", 80, "/v1")),
    ],
)
def test_an_address_is_read(text, expected):
    address = Address.parse(text)

    assert address == expected
    assert Address.parse(str(address)) == expected


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("127.0.0.1:8000", "Begin with http:// or https://"),
        ("localhost:8000/v1", "Begin with http:// or https://"),
        ("", "Begin with http:// or https://"),
        ("ftp://host/v1", "Begin with http:// or https://"),
        ("http:///v1", "Name the host"),
        ("http://host:0/v1", "a port from 1 to 65535"),
        ("http://host:70000/v1", "Port out of range"),
        ("http://host:http/v1", "Port could not be cast"),
        ("http://[::1/v1", "Invalid IPv6 URL"),
        ("http://host/v1?a=b", "Leave out what follows the path"),
        ("http://host/v1#a", "Leave out what follows the path"),
        ("http://host/v1/chat/completions", "Leave out /chat/completions"),
        ("http://host/v1/completions/", "Leave out /completions"),
        ("http://host /v1", "Remove the spaces"),
        ("http://host/v1\r\nX: y", "Remove the spaces"),
        ("http://host/é", "%XX"),
        ("http://" + "ü" * 100 + "/v1", "The host's name"),
    ],
)
def test_what_is_no_address_is_refused_in_one_line(text, advice):
    with pytest.raises(InvalidValueError, match=r"^endpoint: got .* expected an address such as") as raised:
        Address.parse(text)

    assert advice in str(raised.value) and "\n" not in str(raised.value)


def test_a_password_in_an_address_is_refused_and_not_shown():
    with pytest.raises(InvalidValueError) as raised:
        Address.parse("http://me:secret@host/v1")

    assert "secret" not in str(raised.value) and "Put the key into the environment" in str(raised.value)


def test_the_bytes_of_a_request():
    request = Address.parse("http://[::1]:8000/v1").request("POST", "/chat/completions", {"X-Request-Id": "7"}, b"{}")

    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v1/chat/completions HTTP/1.1"
    assert set(lines[1:]) == {
        b"Host: [::1]:8000",
        b"User-Agent: inference-bench",
        b"Accept: */*",
        b"Accept-Encoding: identity",
        b"Content-Type: application/json",
        b"Content-Length: 2",
        b"X-Request-Id: 7",
    }
    assert body == b"{}"


def test_other_routes_are_beside_v1():
    assert str(Address.parse("http://host/v1").root) == "http://host"
    assert str(Address.parse("https://host/gateway/v1").root) == "https://host/gateway"


def test_a_key_is_a_header_and_a_given_header_replaces_ours():
    address = Address.parse("http://host:80/v1")

    request = address.root.request("GET", "/metrics", {"user-agent": "me"}, key=Key("abc"))

    assert request.startswith(b"GET /metrics HTTP/1.1\r\nHost: host\r\n")
    assert b"\r\nAuthorization: Bearer abc\r\n" in request
    assert b"user-agent: me" in request and b"inference-bench" not in request


@pytest.mark.parametrize(
    ("name", "value"), [("X", "a\r\nY: b"), ("X\r\nY", "a"), ("X:", "a"), ("X Y", "a"), ("", "a"), ("X", "é")]
)
def test_a_header_cannot_bring_another(name, value):
    with pytest.raises(InvalidValueError, match="header"):
        Address.parse("http://host").request("GET", "/models", {name: value})
