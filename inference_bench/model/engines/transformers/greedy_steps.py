"""The forward passes of greedy generation, one per token, with the inputs that ``generate`` would pass."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from inference_bench.model.engines.transformers.rotary_state import RotaryState

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_CACHES = ("past_key_values", "cache_params", "state")
"""Names of a cache in a network's output, which are those of its argument."""

_HOOKS = ("prepare_inputs_for_generation", "_update_model_kwargs_for_generation")
"""Methods by which a network changes its inputs from step to step."""


class GreedySteps:
    """Passes only the last token and the cache: neither mask nor positions, which the network derives.

    For a network that changes its inputs from step to step use ``PreparedSteps``.
    """

    def __init__(self, network: PreTrainedModel) -> None:
        import torch

        self._torch = torch
        self._network = network
        self._cache: dict[str, object] = {}
        self._tokens: torch.Tensor | None = None
        self._rotary = RotaryState(network)
        self._head = {"logits_to_keep": 1} if takes(network, "logits_to_keep") else {}

    def reset(self) -> None:
        """Free the cache of the last sequences."""
        self._cache = {}
        self._tokens = None

    def begin(self, ids: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Run the prompts with a fresh cache; only the last position goes through the head.

        Args:
            ids: token ids, shape (batch, length).
            **inputs: further arguments of the network: of padding, or of an image.

        Returns:
            Token ids, shape (batch, 1), still on the device.
        """
        self.reset()
        self._rotary.reset()
        return self._run(use_cache=True, input_ids=ids, **self._head, **inputs)

    def advance(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Run the last tokens and return the next, shape (batch, 1)."""
        return self._run(use_cache=True, input_ids=self._tokens, **self._head, **self._cache, **inputs)

    @property
    def cache(self) -> object | None:
        """The key-value cache of the sequences; None if there is none."""
        return self._cache.get("past_key_values")

    def _run(self, **inputs: object) -> torch.Tensor:
        with self._torch.inference_mode():
            output = self._network(**inputs)
            self._keep(output)
            # generate() uses a float32 copy; the conversion is exact, and argmax takes the first of equals in both.
            chosen: torch.Tensor = output.logits[:, -1].argmax(-1, keepdim=True)
            self._tokens = chosen
        return chosen

    def _keep(self, output: Any) -> None:
        self._cache = {name: output[name] for name in _CACHES if output.get(name) is not None}


class PreparedSteps(GreedySteps):
    """Asks the network for its inputs before each step, as ``generate`` does.

    Some run the whole sequence again where a cache no longer holds (the rotary factors of longrope), keep their state
    under another name, or have no cache at all.
    """

    def __init__(self, network: PreTrainedModel) -> None:
        super().__init__(network)
        self._generates: Any = network  # without the methods of generation in transformers' annotations
        self._ids: torch.Tensor | None = None
        self._inputs: dict[str, Any] = {}

    def reset(self) -> None:
        """Free the cache of the last sequences."""
        super().reset()
        self._ids = None
        self._inputs = {}

    def begin(self, ids: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Run the prompts with a fresh cache (see ``GreedySteps.begin``)."""
        self.reset()
        self._rotary.reset()
        self._ids = ids
        self._inputs = {"use_cache": True, **self._head, **inputs}
        mask = inputs.get("attention_mask", self._torch.ones_like(ids))
        if takes(self._network, "position_ids") and "position_ids" not in inputs:
            prepared = self._generates._prepare_position_ids_for_generation(ids, {**inputs, "attention_mask": mask})
            self._inputs["position_ids"] = prepared
        if takes(self._network, "attention_mask"):
            self._inputs["attention_mask"] = mask
        return self._run(**self._prepared(next_sequence_length=None, is_first_iteration=True))

    def advance(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Run what the network wants of the sequences so far; it updates masks and positions itself."""
        return self._run(**self._prepared(next_sequence_length=1))

    @property
    def cache(self) -> object | None:
        """The key-value cache of the sequences; None if there is none."""
        return self._inputs.get("past_key_values")

    def _prepared(self, **options: object) -> dict[str, object]:
        found: dict[str, object] = self._generates.prepare_inputs_for_generation(self._ids, **options, **self._inputs)
        return found

    def _run(self, **inputs: object) -> torch.Tensor:
        tokens = super()._run(**inputs)
        assert self._ids is not None
        self._ids = self._torch.cat([self._ids, tokens], dim=1)
        return tokens

    def _keep(self, output: Any) -> None:
        self._inputs = self._generates._update_model_kwargs_for_generation(output, self._inputs)


def greedy_steps(network: PreTrainedModel) -> GreedySteps:
    """Return the steps that this network needs."""
    return PreparedSteps(network) if prepares_inputs(network) else GreedySteps(network)


def prepares_inputs(network: PreTrainedModel) -> bool:
    """Return whether a network has its own way from one step of generation to the next."""
    from transformers import GenerationMixin

    return any(getattr(type(network), hook, None) not in (None, getattr(GenerationMixin, hook)) for hook in _HOOKS)


def takes(network: PreTrainedModel, argument: str) -> bool:
    """Return whether the network's forward pass has this argument."""
    return argument in inspect.signature(network.forward).parameters
