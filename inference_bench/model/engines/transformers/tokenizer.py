"""The tokenizer in a folder of weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from inference_bench.errors import WeightsError
from inference_bench.model.engines.transformers.library import LOCAL

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_VOCABULARIES = ("tokenizer.json", "*.model", "vocab*", "merges.txt", "*.tiktoken", "tekken.json", "source.spm")
"""Files of which a tokenizer has at least one, unless it is one of bytes; its other files are settings."""
_BYTES = 256
"""Fewest tokens of a tokenizer that needs no file."""


class AutoTokenizer(Protocol):
    """The interface of the auto class of tokenizers."""

    def from_pretrained(self, path: Path, **options: object) -> PreTrainedTokenizerBase:
        """Return the tokenizer in a folder."""


def read_tokenizer(auto_tokenizer: AutoTokenizer, folder: Path) -> PreTrainedTokenizerBase | None:
    """Return a folder's tokenizer, or None if it has none: speed needs none.

    Where the files are missing, transformers may make one up that knows special tokens only.

    Raises:
        WeightsError: its files cannot be read.
    """
    try:
        found = auto_tokenizer.from_pretrained(folder, **LOCAL)
        return found if has_tokenizer(folder) or found.vocab_size >= _BYTES else None
    except Exception as error:
        if not has_tokenizer(folder):
            return None
        reason = " ".join(str(error).split())
        raise WeightsError(f"weights {folder}: its tokenizer cannot be read: {reason}") from error


def has_tokenizer(folder: Path) -> bool:
    """Return whether a folder of weights holds the files of a tokenizer."""
    return any(True for pattern in _VOCABULARIES for _ in folder.glob(pattern))
