"""Likelihoods, greedy text and logits of a language model in any engine that gives logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError, NotApplicableError, UnscorableError
from inference_bench.model.interfaces import Likelihood, TextScorer
from inference_bench.model.text_tokens import text_until

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inference_bench.model.engine.folder_tokenizer import FolderTokenizer
    from inference_bench.model.engine.session import EngineSession


class EngineScorer(TextScorer):
    """Scores one sequence at a time by its logits; texts are tokenised as ``CausalLMScorer`` does.

    Args:
        session: loaded.
        tokenizer: of the weights' folder, or None.
        ids: returns a number of token ids of text, or random ones.
    """

    def __init__(
        self, session: EngineSession, tokenizer: FolderTokenizer | None, ids: Callable[[int], list[int]]
    ) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._ids = ids

    def log_likelihoods(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        """Run each continuation whole with its context, whose beginning is left out if both are too long.

        Raises:
            UnscorableError: a continuation without tokens, or longer than the limit.
            NotApplicableError: no tokenizer.
        """
        head, tails = self._words.split(context, continuations)
        limit, longest = self._session.limit, max(map(len, tails))
        if min(map(len, tails)) == 0 or longest > limit:
            lengths = ", ".join(str(len(tail)) for tail in tails)
            raise UnscorableError("tokens of the continuations", lengths, f"1 to {limit} each")
        head = head[-(limit + 1 - longest) :]
        return [self._likelihood([*head, *tail[:-1]], tail) for tail in tails]

    def text_likelihood(self, text: str) -> Likelihood:
        """Run windows of the longest length, without overlap, each after the last token of the previous one.

        Raises:
            UnscorableError: a text without tokens.
            NotApplicableError: no tokenizer.
        """
        ids = self._words.plain(text)
        if not ids:
            raise UnscorableError("text", text, "at least one token")
        inputs, limit = [self._words.first, *ids[:-1]], self._session.limit
        windows = [slice(begin, begin + limit) for begin in range(0, len(ids), limit)]
        found = [self._likelihood(inputs[window], ids[window]) for window in windows]
        total = sum(of.log_likelihood for of in found)
        return Likelihood(total, len(ids), all(of.greedy for of in found))

    def complete(self, prompt: str, stop: Sequence[str], new_tokens: int) -> str:
        """Generate; a prompt too long for the model loses its beginning.

        Raises:
            UnscorableError: more new tokens than the model takes.
            NotApplicableError: no tokenizer.
        """
        limit = self._session.limit
        if not 1 <= new_tokens < limit:
            raise UnscorableError("new tokens", new_tokens, f"1 to {limit - 1}")
        ids = self._words.begun(prompt)[-(limit - new_tokens) :] or [self._words.first]
        return text_until(self._session.tokens(ids, new_tokens), self._words.ends, stop, self._words.decode)

    def passages(self, count: int, length: int) -> list[list[int]]:
        """Cut the prompt text, or random ids, into passages."""
        ids = self._ids(count * length)
        return [ids[begin : begin + length] for begin in range(0, count * length, length)]

    def logits(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Run one sequence.

        Raises:
            InvalidValueError: longer than the model's limit.
        """
        import numpy as np

        self._check(len(ids))
        return np.concatenate(list(self._session.logit_rows(ids)))

    def greedy(self, ids: Sequence[int], new_tokens: int) -> list[int]:
        """Generate token by token.

        Raises:
            InvalidValueError: longer than the model's limit.
        """
        self._check(len(ids) + new_tokens)
        return list(self._session.tokens(ids, new_tokens))

    @property
    def _words(self) -> FolderTokenizer:
        if self._tokenizer is None:
            raise NotApplicableError("these weights have no tokenizer, so they cannot score text")
        return self._tokenizer

    def _likelihood(self, inputs: Sequence[int], targets: Sequence[int]) -> Likelihood:
        """Return the likelihood of the targets, which follow the last inputs one by one."""
        import numpy as np

        begin = len(inputs) - len(targets)
        total, greedy, place = 0.0, True, 0
        for rows in self._session.logit_rows(inputs, begin):
            wanted = np.asarray(targets[place : place + len(rows)])
            chosen = rows[np.arange(len(rows)), wanted]
            largest = rows.max(axis=1)
            log_sums = largest + np.log(np.exp((rows - largest[:, None]).astype(np.float64)).sum(axis=1))
            total += float((chosen - log_sums).sum())
            greedy &= bool((rows.argmax(axis=1) == wanted).all())
            place += len(rows)
        return Likelihood(total, len(targets), greedy)

    def _check(self, length: int) -> None:
        if length > self._session.limit:
            raise InvalidValueError("sequence", f"{length} tokens", f"at most {self._session.limit}")
