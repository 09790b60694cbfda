"""The WSGI middleware in wsgiref's server."""

from __future__ import annotations

import contextlib
import io
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx

from inference_bench.live import current_request
from inference_bench.live.wsgi import WsgiMiddleware


class Quiet(WSGIRequestHandler):
    def log_message(self, *_): ...


def test_a_wsgi_server(profiler, responses):
    def app(environ, start_response):
        if environ["PATH_INFO"] == "/fails":
            raise RuntimeError("no")
        start_response("200 OK", [("Content-Type", "text/plain")])
        assert current_request() is not None
        return (piece for piece in [b"a", b"bc"])

    server = make_server("127.0.0.1", 0, WsgiMiddleware(app, profiler), handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        with contextlib.redirect_stderr(io.StringIO()):  # wsgiref prints the traceback
            assert httpx.get(address).text == "abc"
            assert httpx.get(f"{address}/fails").status_code == 500
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    snapshot = profiler.snapshot()
    assert responses(snapshot) == {("(wsgi)", "GET", "200"): 1, ("(wsgi)", "GET", "500"): 1}
    assert responses(snapshot, "http_response_bytes") == {("(wsgi)", "GET", "200"): 3}
    assert responses(snapshot, "http_gap") == {("(wsgi)", "GET", "200"): 1}
    assert snapshot.as_plain()["gauges"]["requests_in_flight"] == 0
