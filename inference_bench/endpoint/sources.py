"""Prompts from files: JSON lines of prompts or messages, and conversations as ShareGPT has them.

Each line of a JSON-lines file has ``prompt`` (a text) or ``messages`` (a list of ``role`` and ``content``), and may
have ``new_tokens`` and ``id``. A ShareGPT file is a JSON list of objects with ``conversations`` (a list of ``from`` and
``value``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from inference_bench.endpoint.file_lines import FileLine, json_lines, text_of
from inference_bench.endpoint.prompt import Message
from inference_bench.errors import InvalidValueError

_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "system": "system",
}
_MOST_NEW_TOKENS = 10_000_000


@dataclass(frozen=True, slots=True)
class Turn:
    """A question, and the answer that was recorded with it.

    Attributes:
        question: what the user writes.
        answer: what was answered; None if the file has none.
        new_tokens: tokens to generate; None if the file does not say.
    """

    question: str
    answer: str | None = None
    new_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions that follow each other.

    Attributes:
        turns: at least one.
        system: a system message before them, or None.
    """

    turns: tuple[Turn, ...]
    system: str | None = None

    def messages(self, turn: int) -> list[Message]:
        """Return what is sent for a turn: all before it with the recorded answers, and its question."""
        messages: list[Message] = [] if self.system is None else [{"role": "system", "content": self.system}]
        for earlier in self.turns[:turn]:
            messages.append({"role": "user", "content": earlier.question})
            messages.append({"role": "assistant", "content": earlier.answer or ""})
        return [*messages, {"role": "user", "content": self.turns[turn].question}]


def read_conversations(path: str | os.PathLike[str]) -> list[Conversation]:
    """Return the prompts and conversations of a file.

    A ShareGPT conversation begins at its first question; one without any is left out.

    Raises:
        InvalidValueError: one line that names the file and, for JSON lines, the line.
    """
    text = text_of(path)
    lines = _share_gpt(path, text) if text.lstrip().startswith("[") else json_lines(path)
    conversations = [found for line in lines if (found := _conversation(line)).turns]
    if not conversations:
        raise InvalidValueError("source", os.fspath(path), "at least one prompt", "It has none.")
    return conversations


def _share_gpt(path: str | os.PathLike[str], text: str) -> Iterator[FileLine]:
    """Yield the objects of a JSON list, each with its place in the list for a line number."""
    try:
        entries = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        place = f"{os.fspath(path)}:{error.lineno}"
        raise InvalidValueError(place, error.msg, "a JSON list of conversations") from None
    for number, entry in enumerate(entries, 1):
        line = FileLine(os.fspath(path), number, entry if isinstance(entry, dict) else {})
        if not isinstance(entry, dict):
            raise line.wrong("entry", f"{entry}", "an object with conversations")
        yield line


def _conversation(line: FileLine) -> Conversation:
    if "conversations" in line.values:
        return _spoken(line, "conversations", "from", "value")
    if "messages" in line.values:
        line.check_columns(("messages",), ("new_tokens", "id"))
        return _spoken(line, "messages", "role", "content", _new_tokens(line))
    line.check_columns(("prompt",), ("new_tokens", "id"))
    prompt = line.values["prompt"]
    if not isinstance(prompt, str) or not prompt.strip():
        raise line.wrong("prompt", f"{prompt}", "a text")
    return Conversation((Turn(prompt, new_tokens=_new_tokens(line)),))


def _new_tokens(line: FileLine) -> int | None:
    return line.whole("new_tokens", least=1, most=_MOST_NEW_TOKENS) if "new_tokens" in line.values else None


def _spoken(line: FileLine, column: str, by: str, said: str, new_tokens: int | None = None) -> Conversation:
    """Return the turns of a list of messages; what an assistant says before the first question is left out."""
    system: str | None = None
    turns: list[Turn] = []
    for role, text in _messages(line, column, by, said):
        if role == "system":
            system = text if system is None else f"{system}\n{text}"
        elif role == "user":
            turns.append(Turn(text, new_tokens=new_tokens))
        elif turns:
            last = turns[-1]
            turns[-1] = Turn(last.question, text if last.answer is None else f"{last.answer}\n{text}", new_tokens)
    return Conversation(tuple(turns), system)


def _messages(line: FileLine, column: str, by: str, said: str) -> Iterator[tuple[str, str]]:
    given = line.values[column]
    if not isinstance(given, list):
        raise line.wrong(column, f"{given}", "a list of messages")
    for message in given:
        if not isinstance(message, Mapping) or not isinstance(message.get(said), str):
            raise line.wrong(column, f"{message}", f"messages with {by} and {said}, a text")
        role = _ROLES.get(str(message.get(by)))
        if role is None:
            raise line.wrong(f"{column}: {by}", message.get(by), f"one of {', '.join(_ROLES)}")
        yield role, message[said]
