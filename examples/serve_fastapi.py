"""A chat-completions server that streams tokens and profiles itself: ``python examples/serve_fastapi.py``.

    POST /v1/chat/completions    chats of the ``openai`` client, streamed or whole
    GET  /v1/models              the model, for clients such as ``python -m inference_bench run --endpoint``
    GET  /metrics                metrics for Prometheus
    GET  /profile                snapshots for ``python -m inference_bench watch http://127.0.0.1:8000/profile/``
    GET  /trace                  the last 30 seconds, for Perfetto

The server listens on loopback only. To profile your own server, add the code between the comments "profiling".
Needs the extra ``examples``; ``examples/load.py`` sends requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, Field
from transformers import AsyncTextIteratorStreamer, StoppingCriteria, StoppingCriteriaList

from inference_bench.errors import InferenceBenchError, UnknownNameError, UsageError
from inference_bench.live import Profiler, current_request
from inference_bench.live.asgi import ProfilerMiddleware
from inference_bench.live.parquet import ParquetExporter
from inference_bench.live.prometheus import PrometheusCollector
from inference_bench.live.watch_endpoint import WatchEndpoint
from inference_bench.live.watch_socket import WatchSocket
from inference_bench.machine.cpus import available_cpus
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.spec import Setup


class Message(BaseModel):
    """One turn of a chat."""

    role: str
    content: str = Field(max_length=100_000)


class StreamOptions(BaseModel):
    """What a stream ends with."""

    include_usage: bool = False


class Chat(BaseModel):
    """Body of a request; unknown fields are ignored."""

    model: str = ""
    messages: list[Message] = Field(min_length=1, max_length=1_000)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: int = Field(64, ge=1, le=1_024)
    ignore_eos: bool = False


@dataclass
class Count:
    """Tokens of one chat, known once it has been generated."""

    prompt: int = 0
    answer: int = 0

    def usage(self) -> dict[str, int]:
        """Return the counts as clients read them."""
        total = self.prompt + self.answer
        return {"prompt_tokens": self.prompt, "completion_tokens": self.answer, "total_tokens": total}


class Chatter:
    """Generates greedily, one chat at a time, each in a thread of the event loop's pool."""

    def __init__(self, network: Any, tokenizer: Any, profiler: Profiler, name: str) -> None:
        self.name = name
        self._network = network
        self._tokenizer = tokenizer
        self._profiler = profiler
        self._turn = threading.Lock()

    async def pieces(self, chat: Chat, count: Count) -> AsyncIterator[str]:
        """Yield the answer piece by piece, then fill in the count; closing the iterator ends the generation."""
        streamer = AsyncTextIteratorStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True)
        left = threading.Event()
        generation = asyncio.create_task(asyncio.to_thread(self._generate, chat, count, streamer, left))
        try:
            async for piece in streamer:
                if piece:
                    yield piece
            await generation  # raises its exception, if any
        finally:
            left.set()

    def _generate(self, chat: Chat, count: Count, streamer: Any, left: threading.Event) -> None:
        try:
            with self._turn, self._profiler.span("turn"):
                if left.is_set():
                    return
                inputs = self._tokenizer.apply_chat_template(
                    [message.model_dump() for message in chat.messages],
                    add_generation_prompt=True,
                    return_tensors="pt",
                    return_dict=True,
                )
                count.prompt = inputs["input_ids"].shape[1]
                ids = self._network.generate(
                    **inputs,
                    max_new_tokens=chat.max_tokens,
                    min_new_tokens=chat.max_tokens if chat.ignore_eos else None,
                    do_sample=False,
                    streamer=streamer,
                    stopping_criteria=StoppingCriteriaList([_Left(left)]),
                )
                count.answer = ids.shape[1] - count.prompt
        finally:
            streamer.end()  # without this call the client never stops waiting; a second call has no effect


class _Left(StoppingCriteria):
    """Ends a generation whose client has left."""

    def __init__(self, left: threading.Event) -> None:
        self._left = left

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
        """Return one flag per sequence, of shape (batch,)."""
        return input_ids.new_full(input_ids.shape[:1], self._left.is_set(), dtype=torch.bool)


def application(chatter: Chatter, profiler: Profiler) -> FastAPI:
    """Return the server."""
    app = FastAPI(title="chat completions, profiled")

    # ---- profiling
    app.add_middleware(ProfilerMiddleware, profiler=profiler, exclude=["/metrics", "/profile", "/trace"])
    app.mount("/profile", WatchEndpoint(profiler))
    registry = CollectorRegistry()
    registry.register(PrometheusCollector(profiler))

    @app.get("/metrics")
    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    @app.get("/trace")
    def trace() -> Response:
        return Response(profiler.chrome_trace(30.0), media_type="application/json")

    # ---- profiling

    @app.post("/v1/chat/completions", response_model=None)
    async def complete(chat: Chat) -> Response:
        request = current_request()
        number = 0 if request is None else request.id
        if chat.stream:
            return StreamingResponse(_events(chatter, chat, number), media_type="text/event-stream")
        count = Count()
        message = {"role": "assistant", "content": "".join([piece async for piece in chatter.pieces(chat, count)])}
        whole = _answer(chatter, number, "chat.completion", _finish(chat, count), message=message)
        return JSONResponse({**whole, "usage": count.usage()})

    @app.get("/v1/models")
    def models() -> dict[str, object]:
        return {"object": "list", "data": [{"id": chatter.name, "object": "model", "owned_by": "inference_bench"}]}

    return app


async def _events(chatter: Chatter, chat: Chat, number: int) -> AsyncIterator[str]:
    """Yield server-sent events for the ``openai`` client."""
    count, kind = Count(), "chat.completion.chunk"
    async for piece in chatter.pieces(chat, count):
        yield _event(_answer(chatter, number, kind, delta={"content": piece}))
    yield _event(_answer(chatter, number, kind, _finish(chat, count), delta={}))
    if chat.stream_options.include_usage:
        yield _event({**_answer(chatter, number, kind), "choices": [], "usage": count.usage()})
    yield "data: [DONE]\n\n"


def _event(answer: Mapping[str, object]) -> str:
    return f"data: {json.dumps(answer)}\n\n"


def _finish(chat: Chat, count: Count) -> str:
    return "length" if count.answer >= chat.max_tokens else "stop"


def _answer(chatter: Chatter, number: int, kind: str, finish: str | None = None, **said: object) -> dict[str, object]:
    choice = {"index": 0, "finish_reason": finish, **said}
    return {
        "id": f"chatcmpl-{number}",  # the id in exemplars and traces
        "object": kind,
        "created": int(time.time()),
        "model": chatter.name,
        "choices": [choice],
    }


def main() -> int:
    """Load the model, serve until Ctrl-C, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2_135m_instruct", help="default: smollm2_135m_instruct")
    parser.add_argument("--weights", default="auto", help="as for `run`; must have a tokenizer (default: auto)")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")
    parser.add_argument("--results", type=Path, help="write run folders here, for `report` and `compare`")
    given = parser.parse_args()
    try:
        serve(given.model, Setup(threads=available_cpus(), weights=given.weights), given.port, given.results)
    except InferenceBenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def serve(name: str, setup: Setup, port: int, results: Path | None) -> None:
    """Serve on loopback until a signal ends the process."""
    models = find_models()
    if name not in models:
        raise UnknownNameError("model", name, models)
    model_class: Any = load_model(models[name])
    model = model_class()
    model.load(setup, resolve_weights(model_class, setup, lambda text: print(text, file=sys.stderr)), LoadSteps())
    if getattr(model, "tokenizer", None) is None:
        raise UsageError(f"model {name} with weights {setup.weights!r} has no tokenizer: expected a chat model.")

    # ---- profiling
    with Profiler("chat") as profiler, WatchSocket(profiler), ExitStack() as exporters:
        profiler.instrument(model.network, name)
        profiler.attach_memory()
        if results is not None:
            exporters.enter_context(ParquetExporter(profiler, results, name, setup=setup, interval_s=60))
        # ---- profiling
        app = application(Chatter(model.network, model.tokenizer, profiler, name), profiler)
        uvicorn.run(app, host="127.0.0.1", port=port, timeout_graceful_shutdown=5)


if __name__ == "__main__":
    sys.exit(main())
