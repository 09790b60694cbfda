"""The gRPC interceptor in a real server on a loopback socket, with a real client. Messages are bytes: no schema."""

from __future__ import annotations

import asyncio
import contextlib

import grpc
import pytest

from inference_bench.live import Profiler, current_request
from inference_bench.live.grpc import ProfilerInterceptor

SERVICE = "test.Chat"


async def say(request, context):
    return request + str(current_request().id).encode()


async def tokens(request, context):
    for number in range(int(request)):
        await asyncio.sleep(0.002)
        yield str(number).encode()


async def count(requests, context):
    return str(len([message async for message in requests])).encode()


async def echo(requests, context):
    async for message in requests:
        yield message


async def refuse(request, context):
    await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")


async def crash(request, context):
    raise ValueError("a bug")


async def hang(request, context):
    yield b"first"
    await asyncio.sleep(60)


async def write(request, context):
    for _ in range(3):
        await context.write(b"x")


def blocking(request, context):
    return b"from a thread"


HANDLERS = {
    "Say": grpc.unary_unary_rpc_method_handler(say),
    "Tokens": grpc.unary_stream_rpc_method_handler(tokens),
    "Count": grpc.stream_unary_rpc_method_handler(count),
    "Echo": grpc.stream_stream_rpc_method_handler(echo),
    "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
    "Crash": grpc.unary_unary_rpc_method_handler(crash),
    "Hang": grpc.unary_stream_rpc_method_handler(hang),
    "Write": grpc.unary_stream_rpc_method_handler(write),
    "Blocking": grpc.unary_unary_rpc_method_handler(blocking),
}


@contextlib.asynccontextmanager
async def channel_to(profiler):
    server = grpc.aio.server(interceptors=[ProfilerInterceptor(profiler)])
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, HANDLERS)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(0)


def series(profiler, name, method, code="OK"):
    snapshot = profiler.snapshot()
    found = {**snapshot.counters, **snapshot.histograms}
    key = f'{name}{{code="{code}",method="/{SERVICE}/{method}"}}'
    return next((value for known, value in found.items() if str(known) == key), None)


def test_messages_are_handed_on_and_counted(profiler):
    async def main():
        async with channel_to(profiler) as channel:
            said = await channel.unary_unary(f"/{SERVICE}/Say")(b"id ")
            streamed = [m async for m in channel.unary_stream(f"/{SERVICE}/Tokens")(b"5")]
            counted = await channel.stream_unary(f"/{SERVICE}/Count")(iter([b"a", b"b"]))
            echoed = [m async for m in channel.stream_stream(f"/{SERVICE}/Echo")(iter([b"a", b"b", b"c"]))]
            return said, streamed, counted, echoed

    said, streamed, counted, echoed = asyncio.run(main())

    assert said.startswith(b"id ")
    assert said != b"id None"
    assert streamed == [b"0", b"1", b"2", b"3", b"4"]
    assert (counted, echoed) == (b"2", [b"a", b"b", b"c"])
    for method, messages in (("Say", 1), ("Tokens", 5), ("Count", 1), ("Echo", 3)):
        assert series(profiler, "grpc_responses", method) == 1
        assert series(profiler, "grpc_response_messages", method) == messages
        assert series(profiler, "grpc_request", method).total == 1
        assert series(profiler, "grpc_first_message", method).total == 1
        assert series(profiler, "grpc_gap", method).total == messages - 1
    assert series(profiler, "grpc_request", "Tokens").sum_ns >= 10_000_000
    assert series(profiler, "grpc_gap", "Tokens").sum_ns >= 8_000_000


@pytest.mark.parametrize(("method", "code"), [("Refuse", "RESOURCE_EXHAUSTED"), ("Crash", "UNKNOWN")])
def test_a_failure_is_counted_under_its_code(profiler, method, code):
    async def main():
        async with channel_to(profiler) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(f"/{SERVICE}/{method}")(b"", timeout=30)
            return caught.value.code().name

    assert asyncio.run(main()) == code
    assert series(profiler, "grpc_responses", method, code) == 1
    assert series(profiler, "grpc_response_messages", method, code) == 0
    assert series(profiler, "grpc_responses", method) is None


def test_a_client_that_leaves_is_a_cancelled_call(profiler):
    async def main():
        async with channel_to(profiler) as channel:
            call = channel.unary_stream(f"/{SERVICE}/Hang")(b"")
            await call.read()
            call.cancel()
            for _ in range(500):
                if series(profiler, "grpc_responses", "Hang", "CANCELLED"):
                    break
                await asyncio.sleep(0.01)

    asyncio.run(main())
    assert series(profiler, "grpc_responses", "Hang", "CANCELLED") == 1
    assert series(profiler, "grpc_response_messages", "Hang", "CANCELLED") == 1


def test_what_clients_make_up_makes_no_series(profiler):
    async def main():
        async with channel_to(profiler) as channel:
            for number in range(20):
                with pytest.raises(grpc.aio.AioRpcError):
                    await channel.unary_unary(f"/{SERVICE}/Nothing{number}")(b"")

    before = len(profiler.snapshot().counters)
    asyncio.run(main())
    assert len(profiler.snapshot().counters) == before  # not even the spare (other)


def test_other_forms_pass(profiler):
    async def main():
        async with channel_to(profiler) as channel:
            written = [m async for m in channel.unary_stream(f"/{SERVICE}/Write")(b"", timeout=30)]
            return written, await channel.unary_unary(f"/{SERVICE}/Blocking")(b"")

    assert asyncio.run(main()) == ([b"x"] * 3, b"from a thread")
    assert series(profiler, "grpc_responses", "Write") == 1
    assert series(profiler, "grpc_responses", "Blocking") is None


def test_methods_beyond_the_limit_share_a_series():
    async def main(profiler):
        async with channel_to(profiler) as channel:
            for method in ("Say", "Refuse", "Crash"):
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await channel.unary_unary(f"/{SERVICE}/{method}")(b"", timeout=30)

    with Profiler("rpc", budget=1.0, max_series=15) as profiler:
        asyncio.run(main(profiler))
        counters = {str(key): value for key, value in profiler.snapshot().counters.items()}
    responses = {key: value for key, value in counters.items() if key.startswith("grpc_responses")}
    assert sum(responses.values()) == 3
    assert responses['grpc_responses{code="(other)",method="(other)"}'] >= 2


def test_methods_beyond_the_limit_are_not_kept_either():
    with Profiler("svc", max_series=40) as profiler:
        interceptor = ProfilerInterceptor(profiler)
        for number in range(5_000):
            interceptor._of(f"/a/{number}", "OK")

    assert len(interceptor._found) < 40


def test_excluded_methods_keep_their_own_handler(profiler):
    handler = grpc.unary_unary_rpc_method_handler(say)
    interceptor = ProfilerInterceptor(profiler, exclude=["/grpc.health.v1.Health/Check"])

    async def found(method):
        async def continuation(details):
            return handler

        return await interceptor.intercept_service(continuation, type("Details", (), {"method": method}))

    assert asyncio.run(found("/grpc.health.v1.Health/Check")) is handler
    assert asyncio.run(found("/grpc.health.v1.Health/Watch")) is not handler
