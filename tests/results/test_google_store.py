"""Google's object storage: objects and whole runs on an emulator that speaks its interface over HTTP."""

import socket
import subprocess
import sys
import time

import pytest

from inference_bench.errors import StorageError
from inference_bench.results import filesystems, storage
from inference_bench.results.run import load_run
from inference_bench.results.storage import place_of, stored_place
from tests.command_line import assert_refused, call

pytest.importorskip("gcp_storage_emulator")

BUCKET = "runs"
RUN = ("run", "--model", "null", "--benchmark", "inference_speed", "--input-lengths", "8", "--new-tokens", "4")


@pytest.fixture(scope="module")
def host():
    """Host and port of a server with one bucket; a process of its own, because Arrow may ask it with the GIL held."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host=127.0.0.1", f"--port={port}"]
    command += ["--in-memory", f"--default-bucket={BUCKET}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _wait_for(port, within_s=30):
    deadline = time.monotonic() + within_s
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture
def query(host, tmp_path, monkeypatch):
    """What an address needs to name that server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    return f"?endpoint_override={host}&scheme=http"


def test_objects_are_written_replaced_listed_and_deleted(query):
    folder = stored_place(f"gs://{BUCKET}/listed{query}")
    assert list(folder.iterdir()) == []
    folder.check_writable()
    (folder / "a" / "x").write_bytes(b"old")
    (folder / "a" / "x").write_bytes(b"new" * 1_000_000)
    (folder / "b").write_bytes(b"1")
    assert (folder / "a" / "x").read_bytes() == b"new" * 1_000_000
    assert [path.name for path in folder.iterdir()] == ["a", "b"]
    assert folder.files() == ["a/x", "b"]
    assert (folder.is_dir(), (folder / "b").is_file()) == (True, True)
    (folder / "b").unlink()
    (folder / "b").unlink()
    assert folder.files() == ["a/x"]
    with pytest.raises(FileNotFoundError):
        (folder / "b").read_bytes()


@pytest.mark.parametrize("length", [50, 100, 150])
def test_an_object_that_is_replaced_while_it_is_read_is_one_version_of_it(query, monkeypatch, length):
    place, old, new = stored_place(f"gs://{BUCKET}/replaced{query}") / "x", b"a" * 100, b"b" * length
    place.write_bytes(old)
    monkeypatch.setattr(storage, "_read", after(place, [new], storage._read))
    assert place.read_bytes() == new


def test_an_object_that_is_deleted_while_it_is_read_is_not_found(query, monkeypatch):
    place = stored_place(f"gs://{BUCKET}/deleted{query}") / "x"
    place.write_bytes(b"a")
    monkeypatch.setattr(storage, "_read", after(place, [None], storage._read))
    with pytest.raises(FileNotFoundError):
        place.read_bytes()


def after(place, changes, read):
    """Return what reads after one more of the changes: new content, or none at all."""

    def read_later(stream):
        if changes:
            content = changes.pop(0)
            place.unlink() if content is None else place.write_bytes(content)
        return read(stream)

    return read_later


def test_a_run_is_stored_and_read_back(query):
    address = f"gs://{BUCKET}/team{query}"
    done = call(*RUN, "--quick", "--budget", "0.05", "--output", address)
    assert done.code == 0, done.err
    stored = load_run(address)
    assert stored.record.finished
    assert stored.samples(stored.results[0]).num_rows > 0
    assert call("report", address).out == call("report", "latest").out != ""


def test_the_variable_of_other_tools_names_the_emulator(host, query, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{host}")
    place = place_of(f"gs://{BUCKET}/seen")
    (place / "x").write_bytes(b"1")
    assert place.files() == ["x"]


def test_a_bucket_that_is_not_there(query):
    assert_refused(
        call(*RUN, "--output", f"gs://absent/x{query}"), 2, "gs://absent/x", "there is no such bucket", "Make"
    )


def test_an_endpoint_where_nobody_answers(monkeypatch):
    monkeypatch.setattr(filesystems, "_REQUEST_S", 1.0)
    with pytest.raises(StorageError, match="no answer"):
        stored_place("gs://runs/x?endpoint_override=127.0.0.1:9&scheme=http").check_writable()
