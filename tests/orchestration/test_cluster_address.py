"""Addresses of clusters: a wrong one is refused within seconds, with what is wrong."""

import socket
import threading
from contextlib import closing, contextmanager

import pytest

from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.orchestration.placements import _cluster_address
from inference_bench.orchestration.placements._cluster_address import check_cluster_address

HTTP_1 = b"HTTP/1.1 400 Bad Request\r\n\r\n"
SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@contextmanager
def server(answer):
    """A port that answers any greeting with these bytes; that only listens if there are none."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(answer)

        if answer:
            threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_what_speaks_as_a_cluster_does_is_let_through():
    with server(SETTINGS) as address:
        check_cluster_address(address, "RAY_ADDRESS")
    with server(SETTINGS) as address:
        check_cluster_address(f"ray://{address}", "--on")
    check_cluster_address("auto", "RAY_ADDRESS")


def test_a_port_that_accepts_and_is_silent(monkeypatch):
    monkeypatch.setattr(_cluster_address, "_WAIT_S", 0.2)
    with (
        server(b"") as address,
        pytest.raises(UsageError, match=rf"at {address} does not answer \(silent\). Start one"),
    ):
        check_cluster_address(address, "RAY_ADDRESS")


@pytest.mark.parametrize("answer", [HTTP_1, b"\0", b"SSH-2.0-OpenSSH_9.6\r\n"])
def test_a_port_of_another_program(answer):
    with server(answer) as address, pytest.raises(UsageError, match=f"at ray://{address} is none: another program"):
        check_cluster_address(f"ray://{address}", "--on")


def test_a_closed_port_and_a_host_that_is_not_there():
    with pytest.raises(UsageError, match=r"127.0.0.1:9 does not answer \(Connection refused\)"):
        check_cluster_address("127.0.0.1:9", "RAY_ADDRESS")
    with pytest.raises(
        UsageError, match=r"nowhere.invalid:10001 does not answer \(.*(known|resolution).*\). Start one"
    ):
        check_cluster_address("ray://nowhere.invalid:10001", "--on")


@pytest.mark.parametrize(
    "address", ["ray://", "ray://head", "ray://head:", "ray://head:http", "ray://head:1/x", "local"]
)
def test_what_is_no_address(address):
    with pytest.raises(InvalidValueError, match=r"got .*, expected ray://HOST:PORT. Start one"):
        check_cluster_address(address, "--on")
    with pytest.raises(InvalidValueError, match=r"RAY_ADDRESS: got .*, expected HOST:PORT"):
        check_cluster_address(address, "RAY_ADDRESS")


def test_a_port_that_no_machine_has():
    with pytest.raises(UsageError, match="does not answer"):
        check_cluster_address("127.0.0.1:99999", "RAY_ADDRESS")
