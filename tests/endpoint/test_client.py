"""Single questions over real connections: answers, limits, certificates."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from inference_bench.endpoint.client import Client
from inference_bench.errors import EndpointError
from tests.endpoint.canned_server import Canned, canned_server, raw_server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """Return a file with a key and a certificate of 127.0.0.1 that nobody but its owner trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    file = tmp_path_factory.mktemp("tls") / "own.pem"
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name]
    subprocess.run([*made, "-keyout", file, "-out", file.with_suffix(".crt")], check=True, capture_output=True)
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    return file


def test_what_is_sent_and_what_comes_back():
    with canned_server({"/v1/completions": lambda sent: Canned({"echo": sent})}) as server:
        found = Client(server.address).posted("/completions", {"prompt": "é"})

    assert found == {"echo": {"prompt": "é"}}
    ((method, path, headers, _),) = server.requests
    assert (method, path, headers["content-type"]) == ("POST", "/v1/completions", "application/json")


@pytest.mark.parametrize("answer", [Canned({"error": {"message": "busy"}}, 503), Canned([1]), Canned(b"<html>")])
def test_what_is_no_json_object_is_refused(answer):
    with canned_server({"/v1/tokenize": answer}) as server, pytest.raises(EndpointError, match="expected a JSON obj"):
        Client(server.address).posted("/tokenize", {})


def test_an_answer_above_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr("inference_bench.endpoint.client._MOST_BYTES", 1 << 20)

    with raw_server(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (2 << 20)) as address, pytest.raises(EndpointError) as raised:
        Client(address).get("/models")

    assert "more than 1.00 MiB" in str(raised.value)


def test_a_certificate_is_checked_and_can_be_trusted(certificate):
    with canned_server({"/v1/models": Canned({})}, certificate) as server:
        with pytest.raises(EndpointError, match="certificate verify failed") as raised:
            Client(server.address).get("/models")
        trusting = Client(server.address, tls_ca=str(certificate))
        assert trusting.get("/models").is_success and trusting.at(server.address.root).get("/v1/models").is_success

    assert "\n" not in str(raised.value) and str(raised.value).startswith(f"endpoint {server.address}: ")
