"""HttpLoad over TLS against Python's own ssl."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference_bench._native import HttpLoad
from tests.native.http_loads import CHUNKED, GET, carry_out, check_order, columns, outcomes
from tests.native.raw_server import SIZED, Handler, RawServer, answering, requests_from, silent

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


def make_certificate(folder: Path, names: str) -> Path:
    """A file with a certificate that is its own authority, and one with its key beside it."""
    folder.mkdir()
    certificate = folder / "certificate.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", folder / "key.pem"]
    subject = ["-subj", "/CN=test", "-addext", f"subjectAltName={names}"]
    command = ["openssl", "req", "-x509", *key, "-out", certificate, "-days", "2", *subject]
    subprocess.run(command, check=True, capture_output=True)
    return certificate


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.parent / "key.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "right", "DNS:localhost,IP:127.0.0.1")


def carry_out_tls(server: RawServer, certificate: Path | None, requests: Any = 1, **options: Any) -> HttpLoad:
    options.setdefault("tls_name", "localhost")
    authority = None if certificate is None else str(certificate)
    return carry_out(server.port, requests, tls_ca=authority, **options)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_requests_share_a_verified_connection(certificate: Path, name: str, version: ssl.TLSVersion):
    context = server_context(certificate)
    context.minimum_version = context.maximum_version = version
    with RawServer(answering(CHUNKED, b"5\r\nhello\r\n", b"0\r\n\r\n"), tls=context) as server:
        load = carry_out_tls(server, certificate, 4, tls_name=name)
    assert load.tls_error is None
    assert outcomes(load) == ["ok"] * 4
    assert [load.body(i) for i in range(4)] == [b"hello"] * 4
    r = columns(load.requests())
    assert r["tls_ns"][0] > 0
    assert r["tls_ns"][1:].tolist() == [0] * 3
    assert server.accepted == 1
    check_order(load)


def test_the_server_name_and_the_protocol_are_asked_for(certificate: Path):
    context = server_context(certificate)
    names: list[str | None] = []
    protocols: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    def handle(connection: socket.socket) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        protocols.append(connection.selected_alpn_protocol())
        answering(SIZED)(connection)

    with RawServer(handle, tls=context) as server:
        assert outcomes(carry_out_tls(server, certificate)) == ["ok"]
    assert (names, protocols) == (["localhost"], ["http/1.1"])


def test_large_bodies_both_ways(certificate: Path):
    size = 5 << 20
    sent = np.random.default_rng(1).bytes(size)
    received = b""

    def echo(connection: socket.socket) -> None:
        nonlocal received
        head, body = b"", b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1000)
        _, _, body = head.partition(b"\r\n\r\n")
        parts = [body]
        while sum(map(len, parts)) < size:
            parts.append(connection.recv(1 << 20))
        received = b"".join(parts)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + received)

    post = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size
    with RawServer(echo, tls=server_context(certificate)) as server:
        load = carry_out_tls(server, certificate, [post + sent])
    assert outcomes(load) == ["ok"]
    assert load.body(0) == sent == received
    check_order(load)


def test_a_certificate_for_another_name_is_refused(certificate: Path):
    with RawServer(answering(SIZED), tls=server_context(certificate)) as server:
        load = carry_out_tls(server, certificate, 2, tls_name="example.org")
    assert outcomes(load) == ["tls", "tls"]
    assert load.tls_error is not None
    assert "hostname mismatch" in load.tls_error.lower()
    assert columns(load.requests())["sent_ns"].tolist() == [-1, -1]
    assert load.sent == 0


def test_an_authority_that_is_not_known_is_refused(certificate: Path, tmp_path: Path):
    other = make_certificate(tmp_path / "other", "DNS:localhost")
    with RawServer(answering(SIZED), tls=server_context(certificate)) as server:
        for authority in (None, other):
            load = carry_out_tls(server, authority)
            assert outcomes(load) == ["tls"]
            assert load.tls_error is not None
            assert "certificate" in load.tls_error


def plain(connection: socket.socket) -> None:
    connection.recv(10)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def hangs_up(connection: socket.socket) -> None:
    connection.recv(10_000)


@pytest.mark.parametrize("handler", [plain, hangs_up])
def test_a_server_without_tls(certificate: Path, handler: Handler):
    with RawServer(handler) as server:
        load = carry_out_tls(server, certificate)
    assert outcomes(load) == ["tls"]
    assert load.tls_error


def test_a_handshake_that_never_ends_times_out(certificate: Path):
    with RawServer(silent) as server:
        load = carry_out_tls(server, certificate, timeout_ns=50_000_000)
    assert outcomes(load) == ["timeout"]


def test_a_connection_that_tls_ends_in_the_body(certificate: Path):
    def handle(connection: socket.socket) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        next(requests_from(connection))
        connection.sendall(CHUNKED + b"5\r\nhal")
        connection.unwrap()

    with RawServer(handle, tls=server_context(certificate)) as server:
        load = carry_out_tls(server, certificate)
    assert outcomes(load) == ["reset"]
    assert load.body(0) == b"hal"


def test_a_file_without_certificates_is_refused(tmp_path: Path):
    for path in (tmp_path / "none.pem", tmp_path):
        with pytest.raises(ValueError, match="tls_ca must be a PEM file"):
            HttpLoad("127.0.0.1", 443, [GET], concurrency=1, tls_name="localhost", tls_ca=str(path))


def test_https_without_openssl_says_what_is_missing():
    script = (
        "from inference_bench._native import HttpLoad; HttpLoad('127.0.0.1', 1, [b'x'], concurrency=1, tls_name='a')"
    )
    environment = os.environ | {"INFERENCE_BENCH_LIBSSL": "/nowhere/libssl.so"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode != 0
    assert "RuntimeError: https needs OpenSSL" in done.stderr
    assert "INFERENCE_BENCH_LIBSSL" in done.stderr
