"""The tokenizer of a weights folder without its framework: the ids that transformers gives, by ``tokenizers`` alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference_bench.errors import WeightsError
from inference_bench.model.prompts import text_ids
from inference_bench.model.text_tokens import TextTokens

_FILE = "tokenizer.json"


class FolderTokenizer(TextTokens):
    """Encodes and decodes by ``tokenizer.json``.

    An engine's process so holds neither torch nor transformers, whose memory would be counted as the engine's.

    Attributes:
        ends: tokens that end a text.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(folder / _FILE))
        except Exception as error:  # the library raises Exception itself
            raise WeightsError(f"weights {folder}: {_FILE} cannot be read: {' '.join(str(error).split())}") from error
        settings = _read(folder / "tokenizer_config.json")
        begin, end = (self._token(settings.get(f"{name}_token")) for name in ("bos", "eos"))
        stated = _read(folder / "generation_config.json").get("eos_token_id")
        of_generation = stated if isinstance(stated, list) else [stated]
        self.ends = {token for token in (*of_generation, end) if token is not None}
        super().__init__(self._ids, (begin, end))

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without special ones."""
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def prompt_ids(self, count: int) -> list[int]:
        """Return the first ``count`` ids of the prompt text, begun as the model expects it."""
        before = self.special.before
        return text_ids(lambda text: [*before, *self.plain(text)], count)

    def _ids(self, text: str, special: bool) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=special).ids
        return ids

    def _token(self, stated: Any) -> int | None:
        text = stated.get("content") if isinstance(stated, dict) else stated
        found: int | None = self._tokenizer.token_to_id(text) if isinstance(text, str) else None
        return found


def folder_tokenizer(folder: Path) -> FolderTokenizer | None:
    """Return a folder's tokenizer, or None if it has no ``tokenizer.json``.

    Raises:
        WeightsError: it cannot be read.
    """
    return FolderTokenizer(folder) if (folder / _FILE).is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
