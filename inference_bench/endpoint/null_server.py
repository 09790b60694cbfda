"""A server that does nothing but send tokens at fixed times: what a client measures on it is the client's own share.

``python -m inference_bench.endpoint.null_server`` runs one by hand.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import cache

from inference_bench.endpoint.scripts import Kind, Script, model_list, not_found, sse_stream
from inference_bench.endpoint.server_process import ServerProcess
from inference_bench.units import NS_PER_MS

ROUTES: Mapping[str, Script] = {"GET /v1/models ": model_list(), "GET ": not_found(), "POST /tokenize ": not_found()}
"""What it answers to requests that ask for no tokens."""


class NullServer(ServerProcess):
    """A scripted server in a process of its own that streams as many tokens as each request of a load is to get."""

    def __init__(
        self,
        tokens: Sequence[int],
        *,
        kind: Kind = "chat",
        first_token_ns: int = 0,
        token_gap_ns: int = 0,
        text: str = " tok",
        prompt_tokens: Sequence[int] = (),
        port: int = 0,
        cpus: Collection[int] | None = None,
    ) -> None:
        """Prepare a server; entering the context starts it.

        Args:
            tokens: of each answer, in the order in which requests arrive; from the start again after the last.
            kind: the dialect of the answers.
            first_token_ns: when the first token is sent, after the whole request arrived.
            token_gap_ns: time from one token to the next.
            text: of each token.
            prompt_tokens: of each request, as ``usage`` says; 0 where none are given.
            port: 0 takes a free one.
            cpus: what its process may run on.

        Raises:
            InvalidValueError: a count below 1, or a time below 0.
        """

        @cache  # equal answers share a script
        def script(count: int, of_prompt: int) -> Script:
            return sse_stream(kind, count, first_token_ns, token_gap_ns, text=text, prompt_tokens=of_prompt)

        prompts = prompt_tokens or [0] * len(tokens)
        scripts = [script(*counts) for counts in zip(tokens, prompts, strict=True)]
        super().__init__(scripts, port=port, routes=ROUTES, cpus=cpus)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a null server until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m inference_bench.endpoint.null_server", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="where to listen; 0 takes a free port (default)")
    parser.add_argument("--kind", choices=("chat", "completions"), default="chat", help="default: chat")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each answer (default: 64)")
    parser.add_argument("--first-token-ms", type=float, default=50, help="time to the first token (default: 50)")
    parser.add_argument("--token-gap-ms", type=float, default=10, help="time from token to token (default: 10)")
    given = parser.parse_args(arguments)
    first_ns, gap_ns = (round(ms * NS_PER_MS) for ms in (given.first_token_ms, given.token_gap_ms))
    with NullServer(
        [given.tokens], kind=given.kind, first_token_ns=first_ns, token_gap_ns=gap_ns, port=given.port
    ) as it:
        print(f"listening at {it.address}; Ctrl-C ends it", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
