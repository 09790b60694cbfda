"""A chat-completions server that streams tokens and profiles itself: ``python examples/serve_fastapi.py``.

    POST /v1/chat/completions    chats of the ``openai`` client, streamed or whole
    GET  /v1/models              the model, so that ``run --endpoint http://127.0.0.1:8000/v1`` finds it
    GET  /metrics                metrics for Prometheus
    GET  /profile                snapshots for ``python -m inference_bench watch http://127.0.0.1:8000/profile/``
    GET  /requests/              stages of requests, to join with what a client measured
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
from pathlib import Path
from typing import Any, NamedTuple

import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, Field
from transformers import StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from inference_bench.errors import InferenceBenchError, UnknownNameError, UsageError
from inference_bench.live import Profiler, current_request
from inference_bench.live.asgi import ProfilerMiddleware
from inference_bench.live.parquet import ParquetExporter
from inference_bench.live.prometheus import PrometheusCollector
from inference_bench.live.requests_endpoint import RequestsEndpoint
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
    """What a streamed answer holds besides its text."""

    include_usage: bool = False


class Chat(BaseModel):
    """Body of a request; unknown fields are ignored."""

    model: str = ""
    messages: list[Message] = Field(min_length=1, max_length=1_000)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: int = Field(64, ge=1, le=1_024)
    ignore_eos: bool = False


class Piece(NamedTuple):
    """Text of an answer, and how many tokens the prompt has and the answer so far."""

    text: str
    prompt_tokens: int
    new_tokens: int

    @property
    def usage(self) -> dict[str, int]:
        """The counts as OpenAI names them."""
        total = self.prompt_tokens + self.new_tokens
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.new_tokens, "total_tokens": total}


class Chatter:
    """Generates greedily, one chat at a time, each in a thread of the event loop's pool."""

    def __init__(self, network: Any, tokenizer: Any, profiler: Profiler, name: str) -> None:
        self.name = name
        self._network = network
        self._tokenizer = tokenizer
        self._profiler = profiler
        self._turn = threading.Lock()

    async def pieces(self, chat: Chat) -> AsyncIterator[Piece]:
        """Yield the answer piece by piece, the last one without text; closing the iterator ends the generation."""
        streamer = _Streamer(self._tokenizer)
        left = threading.Event()
        generation = asyncio.create_task(asyncio.to_thread(self._generate, chat, streamer, left))
        try:
            while (piece := await streamer.pieces.get()).text:
                yield piece
            await generation  # raises its exception, if any
            yield piece
        finally:
            left.set()

    def _generate(self, chat: Chat, streamer: _Streamer, left: threading.Event) -> None:
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
                self._network.generate(
                    **inputs,
                    max_new_tokens=chat.max_tokens,
                    min_new_tokens=chat.max_tokens if chat.ignore_eos else None,
                    do_sample=False,
                    streamer=streamer,
                    stopping_criteria=StoppingCriteriaList([_Left(left)]),
                )
        finally:
            streamer.end()  # without this call the client never stops waiting; a second call has no effect


class _Streamer(BaseStreamer):
    """Hands each token's text to the event loop at once, or as soon as its characters are whole."""

    def __init__(self, tokenizer: Any) -> None:
        self.pieces: asyncio.Queue[Piece] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._tokenizer = tokenizer
        self._prompt_tokens = -1
        self._tokens: list[int] = []
        self._shown = ""

    def put(self, value: torch.Tensor) -> None:
        """Take the prompt, then each token."""
        if self._prompt_tokens < 0:
            self._prompt_tokens = value.numel()
            return
        self._tokens += value.flatten().tolist()
        text = self._tokenizer.decode(self._tokens, skip_special_tokens=True)
        if not text.endswith("\ufffd"):
            self._show(text)

    def end(self) -> None:
        """Hand over what is held back, and a piece without text as the end."""
        self._show(self._tokenizer.decode(self._tokens, skip_special_tokens=True))
        self._put("")

    def _show(self, text: str) -> None:
        if new := text[len(self._shown) :]:
            self._put(new)
        self._shown = text

    def _put(self, text: str) -> None:
        piece = Piece(text, max(self._prompt_tokens, 0), len(self._tokens))
        self._loop.call_soon_threadsafe(self.pieces.put_nowait, piece)


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
    app.add_middleware(ProfilerMiddleware, profiler=profiler, exclude=["/metrics", "/profile", "/requests", "/trace"])
    app.mount("/profile", WatchEndpoint(profiler))
    app.mount("/requests", RequestsEndpoint(profiler))
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

    @app.get("/v1/models")
    def models() -> Mapping[str, object]:
        model = {"id": chatter.name, "object": "model", "created": 0, "owned_by": "inference_bench"}
        return {"object": "list", "data": [model]}

    @app.post("/v1/chat/completions", response_model=None)
    async def complete(chat: Chat) -> Response:
        request = current_request()
        number = 0 if request is None else request.id
        if chat.stream:
            return StreamingResponse(_events(chatter, chat, number), media_type="text/event-stream")
        *shown, last = [piece async for piece in chatter.pieces(chat)]
        message = {"role": "assistant", "content": "".join(piece.text for piece in shown)}
        choice = {"index": 0, "finish_reason": _reason(chat, last), "message": message}
        return JSONResponse(_answer(chatter, number, "chat.completion", [choice], usage=last.usage))

    return app


async def _events(chatter: Chatter, chat: Chat, number: int) -> AsyncIterator[str]:
    """Yield server-sent events for the ``openai`` client; with ``include_usage``, each tells the tokens so far."""
    kind = "chat.completion.chunk"
    async for piece in chatter.pieces(chat):
        usage = {"usage": piece.usage} if chat.stream_options.include_usage else {}
        choice: dict[str, object] = {"index": 0, "finish_reason": None, "delta": {"content": piece.text}}
        if not piece.text:
            choice |= {"finish_reason": _reason(chat, piece), "delta": {}}
        yield _event(_answer(chatter, number, kind, [choice], **usage))
    if chat.stream_options.include_usage:
        yield _event(_answer(chatter, number, kind, [], usage=piece.usage))
    yield "data: [DONE]\n\n"


def _event(answer: Mapping[str, object]) -> str:
    return f"data: {json.dumps(answer)}\n\n"


def _reason(chat: Chat, last: Piece) -> str:
    return "length" if last.new_tokens >= chat.max_tokens else "stop"


def _answer(chatter: Chatter, number: int, kind: str, choices: list[Any], **more: object) -> dict[str, object]:
    return {
        "id": f"chatcmpl-{number}",  # the id in exemplars and traces
        "object": kind,
        "created": int(time.time()),
        "model": chatter.name,
        "choices": choices,
        **more,
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
