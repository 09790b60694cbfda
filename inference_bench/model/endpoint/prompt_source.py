"""Prompts for a server, by what it offers to count tokens with."""

from __future__ import annotations

import re
from functools import partial

from inference_bench.endpoint.bodies import Dialect
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.counters import Counter, by_tokenize, by_usage
from inference_bench.endpoint.probe import ServerFacts
from inference_bench.endpoint.prompt import Prompt
from inference_bench.endpoint.prompt_tokens import PromptMaker
from inference_bench.endpoint.vocabulary import Vocabulary, of_words
from inference_bench.errors import EndpointError
from inference_bench.model.prompts import prompt_text


def prompt_maker(client: Client, facts: ServerFacts, dialect: Dialect) -> PromptMaker:
    """Return what makes prompts of given lengths as the server counts, by the first way that it offers.

    The ways are ``/tokenize``, ``usage`` of a request for one token, and none: prompts then have as many words.

    Args:
        client: for the endpoint's address.
        facts: what the server is.
        dialect: of the requests of the load.
    """
    counter = _counter(client, facts, dialect)
    if counter is None:
        return PromptMaker(_words(prompt_text()))
    return PromptMaker(of_words(prompt_text(), counter), counter)


def _counter(client: Client, facts: ServerFacts, dialect: Dialect) -> Counter | None:
    if facts.tokenizes:
        is_llama = facts.software == "llama.cpp"
        at_root = client.at(client.address.root)
        return by_tokenize(at_root.posted, facts.model, chat=dialect is Dialect.CHAT, applies_template=is_llama)
    counts = by_usage(partial(_prompt_tokens, client, facts.model, dialect))
    try:
        counts.count("Hi")
    except EndpointError:
        return None
    return counts


def _prompt_tokens(client: Client, model: str, dialect: Dialect, prompt: Prompt) -> int:
    """Return the tokens of a prompt by the usage of an answer of one token.

    Raises:
        EndpointError: the answer does not say.
    """
    body = dialect.body(model, prompt, 1, exact=False, stream=False)
    reply = client.post(dialect.route, body)
    usage = reply.fields().get("usage")
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    if not reply.is_success or not isinstance(count, int):
        raise EndpointError(f"POST {client.address}{dialect.route}: got {reply.said}, expected usage.prompt_tokens.")
    return count


def _words(text: str) -> Vocabulary:
    """Return the words of a text as units, whose numbers of tokens are unknown."""
    words = re.findall(r"[A-Za-z]+", text)
    units = tuple(dict.fromkeys(words))
    index = {unit: at for at, unit in enumerate(units)}
    return Vocabulary(units, tuple(index[word] for word in words), len(units), " ")
