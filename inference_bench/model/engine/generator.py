"""The steps of a session, as benchmarks time them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inference_bench.model.interfaces import Prompt, TextGenerator

if TYPE_CHECKING:
    from inference_bench.demands import Demands
    from inference_bench.model.engine.session import EngineSession
    from inference_bench.model.prompts import Prompts


class SessionGenerator(TextGenerator):
    """The steps of a session, for prompts of given lengths.

    Args:
        session: loaded.
        prompts: what it accepts.
        config: returns the ``config.json`` of the weights; empty if they have none.
    """

    def __init__(
        self, session: EngineSession, prompts: Prompts, config: Callable[[], Mapping[str, Any]] = dict
    ) -> None:
        self._config = config
        self._prompts = prompts
        self._session = session
        self.decodes_alone = not session.has_own_loop

    def prompt(self, length: int) -> Prompt:
        """Return the first ``length`` token ids as a list.

        Raises:
            InvalidValueError: a length that the model does not accept.
        """
        self._prompts.check(length)
        return self._prompts.ids(length)

    def own_times(self) -> tuple[int, Sequence[int]] | None:
        """Return the session's."""
        return self._session.own_times()

    def demands(self) -> Demands | None:
        """Return the session's."""
        return self._session.demands(self._config())

    def prompt_ids(self, prompt: Prompt) -> Sequence[int]:
        """Return the ids themselves."""
        ids: Sequence[int] = prompt
        return ids

    def reset(self) -> None:
        """Forget the last sequence."""
        self._session.reset()

    def prefill(self, prompt: Prompt) -> int:
        """Run the prompt."""
        return self._session.prefill(prompt)

    def decode(self) -> int:
        """Run the last token."""
        return self._session.decode()

    def generate(self, prompt: Prompt, new_tokens: int) -> Sequence[int]:
        """Generate greedily."""
        return list(self._session.tokens(prompt, new_tokens))

    def timed(self, prompt: Prompt, new_tokens: int, tick: Callable[[], object]) -> None:
        """Generate, with a tick before the prompt and after each token."""
        if self._session.has_own_loop:
            tick()
            self._session.own_loop(prompt, new_tokens, tick)
        else:
            super().timed(prompt, new_tokens, tick)
