"""An S3 server for tests: moto's, over HTTP, which can be told to refuse."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from inference_bench.results.storage import StoredPath, stored_place

BUCKET = "runs"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

Start = Callable[[str, list[tuple[str, str]]], object]


class ObjectStore:
    """A server with one empty bucket.

    Attributes:
        refusal: HTTP status that requests get; None if they are answered.
        refused: the methods of the requests that get it; all if empty.
        reason: the code and the sentence that a refusal has in its body, as S3 has them; none if empty.
        requests: number of requests.
        writes: number of requests that wrote, or would have.
        on_write: called before each of them.
        on_get: called before the content of an object is sent.
    """

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self.refusal: str | None = None
        self.refused: tuple[str, ...] = ()
        self.reason: tuple[str, ...] = ()
        self.requests = self.writes = 0
        self.on_write: Callable[[], None] = lambda: None
        self.on_get: Callable[[], None] = lambda: None
        self._answer = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def _serve(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        self.requests += 1
        if method in ("PUT", "POST"):
            self.writes += 1
            self.on_write()
        if method == "GET" and "HTTP_RANGE" in environ:
            self.on_get()
        if self.refusal is not None and method in (self.refused or (method,)):
            body = _error(*self.reason) if self.reason and method != "HEAD" else b""
            start(self.refusal, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        answer: Iterable[bytes] = self._answer(environ, start)
        return answer

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    @property
    def query(self) -> str:
        """What an address needs to name this server."""
        return f"?endpoint_override=127.0.0.1:{self.port}&scheme=http"

    def address(self, folder: str = "") -> str:
        """Return the address of a folder in the bucket."""
        return f"s3://{BUCKET}/{folder}{self.query}"

    def place(self, folder: str = "") -> StoredPath:
        """Return a folder in the bucket."""
        return stored_place(self.address(folder))

    def objects(self, folder: str = "") -> Mapping[str, bytes]:
        """Return name → content of the objects in a folder of the bucket."""
        place = self.place(folder)
        return {name: (place / name).read_bytes() for name in place.files()}

    def answer(self) -> None:
        """Answer every request again."""
        self.refusal, self.refused, self.reason = None, (), ()
        self.on_write = self.on_get = lambda: None

    def empty(self) -> None:
        """Forget all objects, and answer again."""
        import requests

        self.answer()
        base = f"http://127.0.0.1:{self._server.server_port}"
        requests.post(f"{base}/moto-api/reset", timeout=10).raise_for_status()
        requests.put(f"{base}/{BUCKET}", timeout=10).raise_for_status()

    @contextmanager
    def asking_for_keys(self) -> Iterator[None]:
        """Refuse keys that it does not know, and it knows none, while the block runs."""
        import requests

        url = f"http://127.0.0.1:{self.port}/moto-api/reset-auth"
        requests.post(url, data=b"0", timeout=10).raise_for_status()
        try:
            yield
        finally:
            requests.post(url, data=b"inf", timeout=10).raise_for_status()

    @contextmanager
    def running(self) -> Iterator[ObjectStore]:
        """Answer requests, with credentials in the environment, while the block runs."""
        self._thread.start()
        try:
            with patch.dict(os.environ, CREDENTIALS):
                self.empty()
                yield self
        finally:
            self._server.shutdown()


def _error(code: str, sentence: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{sentence}</Message></Error>".encode()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run a server with an empty bucket; the test is skipped where moto is not installed."""
    pytest.importorskip("moto")
    pytest.importorskip("flask_cors")
    with ObjectStore().running() as store:
        yield store
