"""A double of the Hugging Face hub on this machine: the part of its HTTP interface that a download uses."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from tests.stored_weights import safetensors_bytes

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(BaseHTTPRequestHandler):
    """The part of the hub's HTTP interface that a download uses."""

    files: ClassVar[dict[str, bytes]] = {"config.json": b"{}", "model.safetensors": safetensors_bytes()}
    stated_sha256: ClassVar[str] = hashlib.sha256(safetensors_bytes()).hexdigest()
    status: ClassVar[int] = 200
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if "owner/tiny" in self.path:  # the hub's library has requests of its own
            self.asked.append(self.path)
        name = self.path.rsplit("/", 1)[-1]
        if self.status != 200:
            code = {401: "GatedRepo", 404: "RepoNotFound"}.get(self.status, "")
            return self._answer(b"", status=self.status, headers={"X-Error-Code": code} if code else {})
        about = "/api/models/owner/tiny"
        if self.path.startswith(f"{about}/revision/"):
            siblings = [{"rfilename": file.pop("path"), **file} for file in self._listing()]
            return self._answer({"id": "owner/tiny", "sha": COMMIT, "tags": [], "siblings": siblings})
        if self.path.startswith(f"{about}/tree/{COMMIT}"):
            return self._answer([{"type": "file", "oid": "0" * 40, **file} for file in self._listing()])
        if f"/resolve/{COMMIT}/" in self.path and name in self.files:
            return self._answer(self.files[name], headers={"ETag": f'"{name}"', "X-Repo-Commit": COMMIT})
        return self._answer(b"", status=404)

    def log_message(self, *_: object) -> None: ...

    def _listing(self) -> list[dict[str, Any]]:
        return [{"path": name, "size": len(content), **self._lfs(name)} for name, content in self.files.items()]

    def _lfs(self, name: str) -> dict[str, Any]:
        if not name.endswith(".safetensors"):
            return {}
        sha256 = self.stated_sha256
        return {"lfs": {"sha256": sha256, "oid": sha256, "size": len(self.files[name]), "pointerSize": 1}}

    def _answer(self, answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@contextmanager
def served_hub(monkeypatch: pytest.MonkeyPatch, files: Mapping[str, bytes] | None = None) -> Iterator[type[FakeHub]]:
    """Serve ``owner/tiny``, of these files if they are given, and let the hub's library ask for it here."""
    own: dict[str, Any] = {"asked": []}
    if files is not None:
        own |= {"files": dict(files), "stated_sha256": hashlib.sha256(files["model.safetensors"]).hexdigest()}
    handler = type("Handler", (FakeHub,), own)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()
