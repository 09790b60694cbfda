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


def ask(app, path="/"):
    """Serve one request as a WSGI server does, and return the body's pieces and the body."""
    body = app({"REQUEST_METHOD": "GET", "PATH_INFO": path}, lambda *_: None)
    return list(body), body


class Body:
    """A body that does something when it is closed, as a framework's callbacks after the response."""

    def __init__(self, called):
        self.called = called

    def __iter__(self):
        return iter([b"a"])

    def close(self):
        self.called()


def test_what_runs_when_the_body_is_closed_is_no_part_of_the_response(profiler, responses):
    seen = []

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body(lambda: seen.append((current_request(), profiler.snapshot())))

    pieces, body = ask(WsgiMiddleware(app, profiler))
    body.close()

    ((request, during),) = seen
    assert pieces == [b"a"] and request.id == 1
    assert responses(during) == responses(during, "http_request") == {("(wsgi)", "GET", "200"): 1}
    assert during.as_plain()["gauges"]["requests_in_flight"] == 0
    assert responses(profiler.snapshot()) == {("(wsgi)", "GET", "200"): 1}
    assert current_request() is None


def test_excluded_paths_are_served_unmeasured(profiler, responses):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [str(current_request() is None).encode()]

    measured = WsgiMiddleware(app, profiler, exclude=["/metrics"])
    assert ask(measured, "/metrics/x")[0] == [b"True"]
    pieces, body = ask(measured, "/metricsx")
    body.close()

    assert pieces == [b"False"]
    assert profiler.snapshot().as_plain()["counters"]["requests"] == 1
