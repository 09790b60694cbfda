"""Real tokenizers, trained on the prompt text within the test: byte-level BPE, unigram, and bytes alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from inference_bench.endpoint.prompt import Prompt
from inference_bench.model.prompts import prompt_text

KINDS = ("byte_bpe", "small_byte_bpe", "metaspace_bpe", "unigram", "unigram_over_spaces", "bytes")
BOS = "<s>"
TEMPLATE = "user\n{}\nassistant\n"


def _byte_bpe(size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        [prompt_text()], trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, special_tokens=[BOS])
    )
    return tokenizer


def _metaspace_bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        [prompt_text(), "a\nb c 0123456789 " * 9],
        trainers.BpeTrainer(vocab_size=700, special_tokens=["<unk>", BOS]),
    )
    return tokenizer


def _unigram(*, over_spaces: bool) -> Tokenizer:
    """With ``over_spaces`` a token may hold the end of one word and the beginning of the next."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=not over_spaces)
    tokenizer.train_from_iterator(
        prompt_text().splitlines() * 3,
        trainers.UnigramTrainer(vocab_size=600, special_tokens=["<unk>", BOS], unk_token="<unk>"),
    )
    return tokenizer


@cache
def tokenizer(kind: str) -> Tokenizer:
    """Return a tokenizer that puts its beginning token before each text."""
    made = {
        "byte_bpe": lambda: _byte_bpe(1_500),
        "small_byte_bpe": lambda: _byte_bpe(350),
        "metaspace_bpe": _metaspace_bpe,
        "unigram": lambda: _unigram(over_spaces=False),
        "unigram_over_spaces": lambda: _unigram(over_spaces=True),
        "bytes": lambda: _byte_bpe(257),
    }[kind]()
    made.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 1)])
    return made


def server_ids(kind: str, *, chat: bool) -> Callable[[Prompt], list[int]]:
    """Return what a server with this tokenizer makes of a prompt: ids stay as they are, a chat gets a template."""
    made = tokenizer(kind)

    def ids(prompt: Prompt) -> list[int]:
        if not isinstance(prompt, str) and not isinstance(prompt[0], dict):
            return list(prompt)
        if chat:
            messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
            prompt = "".join(f"{message['role']}\n{message['content']}\n" for message in messages) + "assistant\n"
        return made.encode(prompt).ids

    return ids
