"""A task in a JSONL file, one item per line. The schema is in docs/accuracy.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from inference_bench.benchmark.accuracy.item import Item
from inference_bench.benchmark.accuracy.multiple_choice import MultipleChoice
from inference_bench.benchmark.accuracy.passage import Passage
from inference_bench.benchmark.accuracy.question import Question
from inference_bench.benchmark.accuracy.task import ItemTask, Progress
from inference_bench.errors import InvalidValueError, TaskError


class JsonlTask(ItemTask):
    """Items read from a file.

    Args:
        path: the file; its stem is the task's name.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._path = path

    def check(self) -> None:
        """Read and check every line.

        Raises:
            InvalidValueError: the file cannot be read, or a line is wrong.
        """
        try:
            self.items(lambda done, total: None)
        except TaskError as error:
            raise InvalidValueError("task", str(self._path), "a file of items", str(error)) from None

    def items(self, progress: Progress) -> list[Item]:
        """Read and check every line, including those beyond a limit."""
        try:
            lines = self._path.read_text(encoding="utf-8").split("\n")
        except OSError as error:
            raise TaskError(f"task file {self._path}: {error.strerror or error}.") from None
        except UnicodeDecodeError as error:
            raise TaskError(f"task file {self._path}: not UTF-8 at byte {error.start}.") from None
        found: dict[str, Item] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                item = parse_item(line, str(number))
            except ValueError as error:
                raise TaskError(f"task file {self._path}, line {number}: {error}.") from None
            if item.id in found:
                raise TaskError(f"task file {self._path}, line {number}: a second item with id {item.id!r}.")
            found[item.id] = item
        if not found:
            raise TaskError(f"task file {self._path}: no items; expected one JSON object per line.")
        return list(found.values())


def parse_item(line: str, default_id: str) -> Item:
    """Return the item that a line of JSON describes.

    Raises:
        ValueError: the line describes no item; the message says what was found and expected.
    """
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at column {error.colno}: {error.msg}") from None
    if not isinstance(fields, dict):
        raise ValueError(f"expected a JSON object, got {_brief(fields)}")
    kinds = [kind for kind in _KINDS if kind in fields]
    if len(kinds) != 1:
        given = ", ".join(map(repr, kinds)) or "none"
        raise ValueError(f"expected exactly one of the keys {', '.join(map(repr, _KINDS))}, got {given}")
    read, keys = _KINDS[kinds[0]]
    unknown = sorted(set(fields) - keys - {"id"})
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; an item with {kinds[0]!r} has {', '.join(sorted(keys))}")
    identity = fields.get("id", default_id)
    if isinstance(identity, bool) or not isinstance(identity, str | int) or identity == "":
        raise ValueError(f"'id': expected a text or a whole number, got {_brief(identity)}")
    return read(str(identity), fields)


def _multiple_choice(identity: str, fields: Mapping[str, object]) -> Item:
    choices = _texts(fields, "choices")
    if len(choices) < 2:
        raise ValueError(f"'choices': expected two or more, got {len(choices)}")
    one_each = isinstance(fields.get("context"), list)
    contexts = _texts(fields, "context", empty=True) if one_each else (_text(fields, "context"),)
    if len(contexts) not in (1, len(choices)):
        raise ValueError(f"'context': expected one text or {len(choices)}, one for each choice; got {len(contexts)}")
    answer = _whole(fields, "answer", 0)
    if answer >= len(choices):
        raise ValueError(f"'answer': expected the index of a choice, 0 to {len(choices) - 1}, got {answer}")
    return MultipleChoice(identity, contexts, choices, answer, _text(fields, "separator", default=" "))


def _question(identity: str, fields: Mapping[str, object]) -> Item:
    pattern = _text(fields, "pattern", default="")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"'pattern': not a regular expression: {error}") from None
    stop = _texts(fields, "stop") if "stop" in fields else ("\n",)
    new_tokens = _whole(fields, "new_tokens", 1) if "new_tokens" in fields else 32
    return Question(identity, _text(fields, "prompt"), _texts(fields, "answers"), stop, new_tokens, pattern)


def _passage(identity: str, fields: Mapping[str, object]) -> Item:
    text = _text(fields, "text")
    if not text:
        raise ValueError("'text': expected at least one character")
    return Passage(identity, text, _text(fields, "context", default=""))


_KINDS: dict[str, tuple[Callable[[str, Mapping[str, object]], Item], set[str]]] = {
    "choices": (_multiple_choice, {"context", "choices", "answer", "separator"}),
    "answers": (_question, {"prompt", "answers", "stop", "new_tokens", "pattern"}),
    "text": (_passage, {"text", "context"}),
}
"""Key that identifies the kind of an item → its reader, and the keys that it may have."""


def _text(fields: Mapping[str, object], key: str, default: str | None = None) -> str:
    value = fields.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key!r}: expected a text, got {_brief(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{key!r}: contains half of a surrogate pair") from None
    return value


def _texts(fields: Mapping[str, object], key: str, *, empty: bool = False) -> tuple[str, ...]:
    value = fields.get(key)
    if not isinstance(value, list) or not value:
        raise ValueError(f"{key!r}: expected a list of texts, got {_brief(value)}")
    texts = tuple(_text({key: entry}, key) for entry in value)
    if "" in texts and not empty:
        raise ValueError(f"{key!r}: expected texts of at least one character")
    return texts


def _whole(fields: Mapping[str, object], key: str, minimum: int) -> int:
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(f"{key!r}: expected a whole number of at least {minimum}, got {_brief(value)}")
    return value


def _brief(value: object) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
