"""The route of a request is its whole pattern, however many applications and routers lead to it."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from inference_bench.live.asgi import ProfilerMiddleware


class Opaque:
    """An application without routes."""

    async def __call__(self, scope, receive, send):
        await JSONResponse({})(scope, receive, send)


async def endpoint(request):
    return JSONResponse({})


def items():
    app = FastAPI()

    @app.get("/items/{i}")
    async def item(i: str):
        return {}

    return app


def fastapi():
    app, router, outer, shared = FastAPI(), APIRouter(), APIRouter(), items()

    @router.get("/items/{i}")
    async def item(i: str):
        return {}

    @app.get("/items/{i}")
    async def own(i: str):
        return {}

    for prefix in ("/r1", "/r2"):
        app.include_router(router, prefix=prefix)
    outer.include_router(router, prefix="/deep")
    app.include_router(outer, prefix="/r3")
    for prefix in ("/v1", "/v2", "/tenants/{tenant}", "/n/{number:int}"):
        app.mount(prefix, items())
    for prefix in ("/one", "/other"):
        app.mount(prefix, shared)
    nested = FastAPI()
    nested.mount("/b/{x}", items())
    app.mount("/a", nested)
    app.mount("/opaque", Opaque())
    app.mount("/starlette", starlette())
    return app


def starlette():
    inner = [Route("/items/{i}", endpoint)]
    return Starlette(
        routes=[
            Route("/items/{i}", endpoint),
            Mount("/v1", routes=inner),
            Mount("/v2", app=Starlette(routes=inner)),
            Mount("/tenants/{tenant}", routes=[Mount("/in", routes=inner)]),
            Mount("/opaque", app=Opaque()),
        ]
    )


def seen(profiler, responses, app, *paths):
    app.add_middleware(ProfilerMiddleware, profiler=profiler, loop_lag=False, gc_pauses=False)
    with TestClient(app) as client:
        for path in paths:
            client.get(path)
    return {(route, status): number for (route, _, status), number in responses(profiler.snapshot()).items()}


FASTAPI = {
    "/items/1": "/items/{i}",
    "/r1/items/1": "/r1/items/{i}",
    "/r2/items/1": "/r2/items/{i}",
    "/r3/deep/items/1": "/r3/deep/items/{i}",
    "/v1/items/1": "/v1/items/{i}",
    "/v2/items/1": "/v2/items/{i}",
    "/tenants/acme/items/1": "/tenants/{tenant}/items/{i}",
    "/n/0001/items/1": "/n/{number:int}/items/{i}",
    "/one/items/1": "/one/items/{i}",
    "/other/items/1": "/other/items/{i}",
    "/a/b/9/items/1": "/a/b/{x}/items/{i}",
    "/opaque/anything": "/opaque",
    "/starlette/v1/items/1": "/starlette/v1/items/{i}",
}
STARLETTE = {
    "/items/1": "/items/{i}",
    "/v1/items/1": "/v1/items/{i}",
    "/v2/items/1": "/v2/items/{i}",
    "/tenants/acme/in/items/1": "/tenants/{tenant}/in/items/{i}",
    "/opaque/anything": "/opaque",
}


@pytest.mark.parametrize(("make", "paths"), [(fastapi, FASTAPI), (starlette, STARLETTE)])
def test_every_way_to_a_route_is_a_series_of_its_own(profiler, responses, make, paths):
    found = seen(profiler, responses, make(), *paths)

    assert found == {(pattern, "200"): 1 for pattern in paths.values()}


@pytest.mark.parametrize("make", [fastapi, starlette])
def test_no_path_of_a_client_becomes_a_route(profiler, responses, make):
    paths = [f"/{prefix}/secret{n}" for prefix in ("v1", "v2", "none", "tenants/s", "opaque") for n in range(20)]
    paths += [f"/tenants/secret{n}/items/secret{n}" for n in range(20)] + [f"/n/{n:09}/items/1" for n in range(20)]
    found = seen(profiler, responses, make(), *paths)

    assert sum(found.values()) == len(paths)
    assert len(found) <= 5
    assert not [route for route, _ in found if "secret" in route or "000" in route]


def test_a_server_behind_a_root_path_shows_the_same_routes(profiler, responses):
    app = fastapi()
    app.add_middleware(ProfilerMiddleware, profiler=profiler, loop_lag=False, gc_pauses=False, exclude=["/r2"])
    with TestClient(app, root_path="/api") as client:
        for path in ("/items/1", "/v1/items/1", "/r1/items/1", "/r2/items/1"):
            assert client.get(f"/api{path}").status_code == 200

    routes = {route for route, _, _ in responses(profiler.snapshot())}
    assert routes == {"/items/{i}", "/v1/items/{i}", "/r1/items/{i}"}


def test_a_middleware_around_the_application_and_one_inside_a_mount(profiler, responses):
    inner = items()
    inner.add_middleware(ProfilerMiddleware, profiler=profiler, loop_lag=False, gc_pauses=False)
    app = FastAPI()
    app.mount("/v1", inner)
    TestClient(app).get("/v1/items/1")
    TestClient(ProfilerMiddleware(fastapi(), profiler, loop_lag=False, gc_pauses=False)).get("/v2/items/1")

    assert {route for route, _, _ in responses(profiler.snapshot())} == {"/items/{i}", "/v2/items/{i}"}
