"""Likelihoods, greedy text and logits of a causal language model on transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from inference_bench.errors import InvalidValueError, NotApplicableError, UnscorableError
from inference_bench.model.engines.transformers.greedy_steps import greedy_steps, takes
from inference_bench.model.engines.transformers.network_kinds import can_be_continued, reads_ahead
from inference_bench.model.engines.transformers.rotary_state import RotaryState
from inference_bench.model.interfaces import Likelihood, TextScorer
from inference_bench.model.text_tokens import TextTokens, text_until

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from transformers import Cache, PreTrainedModel, PreTrainedTokenizerBase

_POSITIONS = 512
"""Positions whose logits are kept at once: with a vocabulary of 150,000 they take 300 MB in float32."""


class CausalLMScorer(TextScorer):
    """Scores at batch size 1, except that the choices of one question share the cache of their context.

    Where a cache cannot be continued with several tokens (a recurrent state, rotary factors that depend on the length),
    each choice is run whole with its context.

    Texts are tokenised as in lm-evaluation-harness, so that results can be compared item by item.

    Args:
        network: a ``PreTrainedModel`` with a language-modelling head.
        tokenizer: its tokenizer, or None.
        ids: returns a number of token ids of text, or random ones.
        limit: most positions of the network.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase | None,
        ids: Callable[[int], list[int]],
        limit: int,
    ) -> None:
        import torch

        self._torch = torch
        self._network = network
        self._tokenizer = tokenizer
        self._ids = ids
        self._limit = limit
        self._known_words: TextTokens | None = None
        self._continues: bool | None = None
        self._rotary = RotaryState(network)

    def log_likelihoods(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        """Run the context once and all continuations as one batch on copies of its cache.

        A context that is too long for the network is truncated at its beginning.

        Raises:
            UnscorableError: a continuation without tokens, or longer than the network's limit.
            NotApplicableError: no tokenizer, as with random weights.
        """
        head, tails = self._words.split(context, continuations)
        longest = max(map(len, tails))
        if min(map(len, tails)) == 0 or longest > self._limit:
            lengths = ", ".join(str(len(tail)) for tail in tails)
            raise UnscorableError("tokens of the continuations", lengths, f"1 to {self._limit} each")
        head = head[-(self._limit + 1 - longest) :]
        if not self._can_continue:
            return [self._likelihood_of(head, tail) for tail in tails]
        first, cache = self._prefill(head)
        # Each row becomes a copy of row 0, as in a beam search, which every kind of cache supports.
        first_row: Any = self._torch.zeros(len(tails), dtype=self._torch.long, device=self._network.device)
        cache.reorder_cache(first_row)
        # Padded on the right: no token attends to later ones.
        rows = self._tensor([tail + [0] * (longest - len(tail)) for tail in tails])
        begin, begin_greedy = self._rate(first.expand(len(tails), 1, -1), rows[:, :1])
        rest, rest_greedy = self._run(rows[:, :-1], rows[:, 1:], cache)
        scores = self._torch.cat((begin, rest), 1)
        greedy = self._torch.cat((begin_greedy, rest_greedy), 1)
        return [
            Likelihood(scores[row, : len(tail)].sum().item(), len(tail), bool(greedy[row, : len(tail)].all()))
            for row, tail in enumerate(tails)
        ]

    def text_likelihood(self, text: str) -> Likelihood:
        """Run windows of the longest length, without overlap, each after the last token of the previous one.

        Raises:
            UnscorableError: a text without tokens.
            NotApplicableError: no tokenizer, as with random weights.
        """
        ids = self._words.plain(text)
        if not ids:
            raise UnscorableError("text", text, "at least one token")
        inputs = [self._words.first, *ids[:-1]]
        total, greedy = 0.0, True
        for begin in range(0, len(ids), self._limit):
            window = slice(begin, begin + self._limit)
            scores, same = self._run(self._tensor([inputs[window]]), self._tensor([ids[window]]), None)
            total += scores.sum().item()
            greedy &= bool(same.all())
        return Likelihood(total, len(ids), greedy)

    def complete(self, prompt: str, stop: Sequence[str], new_tokens: int) -> str:
        """Generate token by token; a prompt too long for the network loses its beginning.

        Raises:
            UnscorableError: more new tokens than the network takes.
            NotApplicableError: no tokenizer, as with random weights.
        """
        if not 1 <= new_tokens < self._limit:
            raise UnscorableError("new tokens", new_tokens, f"1 to {self._limit - 1}")
        tokenizer = self._known_tokenizer
        ids = self._words.begun(prompt)[-(self._limit - new_tokens) :] or [self._words.first]

        def decode(tokens: list[int]) -> str:
            return str(tokenizer.decode(tokens, skip_special_tokens=True))

        return text_until(self._steps(ids, new_tokens), self._ends(), stop, decode)

    def passages(self, count: int, length: int) -> list[list[int]]:
        """Cut the prompt text, or random ids, into passages."""
        ids = self._ids(count * length)
        return [ids[begin : begin + length] for begin in range(0, count * length, length)]

    def logits(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Run one sequence in one piece."""
        self._check(len(ids))
        self._rotary.reset()
        with self._torch.inference_mode():
            logits: NDArray[np.float32] = self._network(self._tensor([ids])).logits[0].float().cpu().numpy()
        return logits

    def greedy(self, ids: Sequence[int], new_tokens: int) -> list[int]:
        """Generate token by token."""
        self._check(len(ids) + new_tokens)
        return list(self._steps(ids, new_tokens))

    @property
    def _words(self) -> TextTokens:
        if self._known_words is None:
            tokenizer = self._known_tokenizer
            firsts = (tokenizer.bos_token_id, tokenizer.eos_token_id)
            self._known_words = TextTokens(
                lambda text, special: tokenizer(text, add_special_tokens=special)["input_ids"], firsts
            )
        return self._known_words

    @property
    def _known_tokenizer(self) -> PreTrainedTokenizerBase:
        if self._tokenizer is None:
            raise NotApplicableError("these weights have no tokenizer, so they cannot score text")
        return self._tokenizer

    def _ends(self) -> set[int]:
        found = self._network.generation_config.eos_token_id
        ends = found if isinstance(found, list) else [found]
        return {token for token in (*ends, getattr(self._tokenizer, "eos_token_id", None)) if token is not None}

    def _prefill(self, ids: Sequence[int]) -> tuple[torch.Tensor, Cache]:
        """Return the logits after the last token, shape (1, 1, vocabulary), and the cache."""
        with self._torch.inference_mode():
            output = self._network(input_ids=self._tensor([ids]), use_cache=True, logits_to_keep=1)
        return output.logits, output.past_key_values

    @property
    def _can_continue(self) -> bool:
        if self._continues is None:
            if reads_ahead(self._network):
                raise NotApplicableError("this network reads a text in both directions: it gives no likelihood of it")
            self._continues = can_be_continued(self._network)
        return self._continues

    def _likelihood_of(self, head: Sequence[int], tail: Sequence[int]) -> Likelihood:
        """Run a context and its continuation in one piece; only the logits before the continuation are kept."""
        inputs, targets = self._tensor([[*head, *tail[:-1]]]), self._tensor([tail])
        scores, greedy = self._whole(inputs, targets)
        return Likelihood(scores.sum().item(), len(tail), bool(greedy.all()))

    def _run(
        self, inputs: torch.Tensor, targets: torch.Tensor, cache: Cache | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return each target's log-likelihood and whether it is the most likely token, both of shape (rows, length)."""
        if not self._can_continue:
            return self._whole(inputs, targets)
        rows, length = inputs.shape
        found = []
        for piece in _pieces(length, max(1, _POSITIONS // rows)):
            with self._torch.inference_mode():
                output = self._network(input_ids=inputs[:, piece], past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            found.append(self._rate(output.logits, targets[:, piece]))
        return self._joined(found, inputs)

    def _whole(self, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the same without a cache, for the last inputs if there are fewer targets.

        Each piece of the logits is computed by a pass over the whole sequence: rotary factors may depend on its length.
        """
        before = inputs.shape[1] - targets.shape[1]
        found = []
        for piece in _pieces(targets.shape[1], max(1, _POSITIONS // len(inputs))):
            places = self._torch.arange(before + piece.start, before + piece.stop, device=inputs.device)
            found.append(self._rate(self._logits_at(inputs, places), targets[:, piece]))
        return self._joined(found, inputs)

    def _logits_at(self, inputs: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        options: dict[str, object] = {"logits_to_keep": places} if takes(self._network, "logits_to_keep") else {}
        options |= {"use_cache": False} if takes(self._network, "use_cache") else {}
        self._rotary.reset()
        with self._torch.inference_mode():
            logits: torch.Tensor = self._network(input_ids=inputs, **options).logits
        return logits if "logits_to_keep" in options else logits[:, places]

    def _joined(
        self, found: Sequence[tuple[torch.Tensor, torch.Tensor]], like: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Join pieces along their length; there may be none."""
        rows, torch = len(like), self._torch
        scores = [torch.empty(rows, 0, dtype=torch.float64, device=like.device), *(of for of, _ in found)]
        greedy = [torch.empty(rows, 0, dtype=torch.bool, device=like.device), *(of for _, of in found)]
        return torch.cat(scores, 1), torch.cat(greedy, 1)

    def _rate(self, logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the targets' log-likelihoods, in float64 for exact sums, and whether each is the most likely token."""
        logits = logits.float()
        chosen = logits.gather(-1, targets[..., None])[..., 0]
        return (chosen - logits.logsumexp(-1)).double(), logits.argmax(-1) == targets

    def _steps(self, ids: Sequence[int], new_tokens: int) -> Iterator[int]:
        """Yield tokens one by one; each step runs on demand."""
        steps = greedy_steps(self._network)
        yield int(steps.begin(self._tensor([ids])).item())
        for _ in range(new_tokens - 1):
            yield int(steps.advance().item())

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise InvalidValueError("sequence", f"{length} tokens", f"at most {self._limit}")

    def _tensor(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        return self._torch.tensor(rows, device=self._network.device)


def _pieces(length: int, step: int) -> Iterator[slice]:
    for begin in range(0, length, step):
        yield slice(begin, min(begin + step, length))
