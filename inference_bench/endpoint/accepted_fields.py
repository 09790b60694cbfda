"""Which optional fields of a request a server refuses: asked by requests for one token."""

from __future__ import annotations

from collections.abc import Callable, Collection

from inference_bench.endpoint.bodies import MAX_TOKENS, OPTIONAL, Dialect
from inference_bench.endpoint.client import Client, Reply
from inference_bench.endpoint.deltas import delta
from inference_bench.endpoint.prompt import Prompt
from inference_bench.errors import EndpointError

_ABSENT = (404, 405, 501)


def refused_fields(
    client: Client, dialect: Dialect, model: str, prompt: Prompt = "Hi", *, token_ids: bool = False
) -> frozenset[str]:
    """Return the optional fields that a server refuses: none after one request, else each is tried alone.

    Args:
        client: for the endpoint's address.
        dialect: which of the two interfaces.
        model: the server's name of the model.
        prompt: a short prompt of the kind that the load sends.
        token_ids: whether the load asks for token ids.

    Raises:
        EndpointError: the server answers none of these requests; the message says what it says.
    """

    def ask(without: Collection[str]) -> Reply:
        body = dialect.body(model, prompt, 1, token_ids=token_ids, without=without)
        return client.post(dialect.route, body)

    if _answers(ask(())):
        return frozenset()
    wanted = [name for name in OPTIONAL if token_ids or name != "return_token_ids"]
    always = _needed(client, dialect, ask, wanted)
    alone = {name: [*always, *(other for other in wanted if other != name)] for name in wanted}
    return always | {name for name, without in alone.items() if not _answers(ask(without))}


def _needed(
    client: Client, dialect: Dialect, ask: Callable[[Collection[str]], Reply], wanted: list[str]
) -> frozenset[str]:
    """Return what must be left out besides all optional fields: nothing, or the limit's older name."""
    reply = ask(wanted)
    if _answers(reply):
        return frozenset()
    if _answers(ask([*wanted, MAX_TOKENS])):
        return frozenset({MAX_TOKENS})
    said = f"got {reply.said}, expected an answer of one token"
    raise EndpointError(f"POST {client.address}{dialect.route}: {said}. {_advice(reply, dialect)}")


def _answers(reply: Reply) -> bool:
    return reply.is_success and not _error(reply)


def _error(reply: Reply) -> str:
    """Return the error in the body of a successful status: in its JSON, or in its first event."""
    first = reply.body.strip().partition(b"\n\n")[0]
    return delta(first.removeprefix(b"data:").strip()).error


def _advice(reply: Reply, dialect: Dialect) -> str:
    if reply.status in _ABSENT and not delta(reply.body).error:
        other = Dialect.COMPLETIONS if dialect is Dialect.CHAT else Dialect.CHAT
        return f"Use the other dialect ({other}), or check the path."
    return "Check the model's name and the server's log."
