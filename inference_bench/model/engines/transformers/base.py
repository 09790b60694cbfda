"""A model on transformers: loads in named steps, quantises and compiles."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from inference_bench.errors import InvalidValueError
from inference_bench.model.engines.transformers.library import LOCAL, import_transformers
from inference_bench.model.engines.transformers.network import materialised, read_pages
from inference_bench.model.engines.transformers.quantization import describe_int8, parameter_bytes, quantize_int8
from inference_bench.model.engines.transformers.tokenizer import read_tokenizer
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.model import Model
from inference_bench.model.prompts import Prompts, random_ids, text_ids
from inference_bench.model.special_tokens import special_tokens
from inference_bench.model.weights.identity import differing_sizes
from inference_bench.model.weights.references import OWN, ResolvedWeights
from inference_bench.spec import DTYPES, Setup

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_RECOMPILE_LIMIT = 64
"""Variants per function: each case has its own lengths, and a prefill changes the layout of the key-value cache."""


class TransformersModel(Model):
    """Loads a network by an auto class of transformers: safetensors only, no remote code.

    Attributes:
        auto_class: name of the auto class for this kind of network.
        architecture: ``model_type`` and the other values of the published ``config.json``; used for random weights.
        reduced: values that differ in the small model of the same architecture; nested mappings are merged.
        tokenizer: the loaded tokenizer, or None with random weights and those without one.
    """

    auto_class: ClassVar[str]
    architecture: ClassVar[Mapping[str, Any]] = {}
    reduced: ClassVar[Mapping[str, Any]] = {}
    dtypes = DTYPES
    needs_weights = True
    requires = ("torch", "transformers")
    engine = "transformers"
    parks = True

    def __init__(self) -> None:
        self._network: PreTrainedModel | None = None
        self.tokenizer: PreTrainedTokenizerBase | None = None
        self._setup = Setup()
        self._parameters = 0
        self._titles: dict[str, object] = {}

    @classmethod
    def config(cls, scale: str = "full") -> dict[str, object]:
        """Return the arguments of the configuration at this scale."""
        return _merged(cls.architecture, cls.reduced if scale == "reduced" else {})

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        """Load onto the device and read every page of the weights.

        The steps are ``import``, ``config``, ``tokenizer``, ``read`` (file to page cache), ``materialise`` (page cache
        to parameters of the wanted dtype) and ``to_device``. A compiled network compiles in its first calls.

        Raises:
            InvalidValueError: torch does not see this device, or does not support this attention or dtype on it.
            WeightsError: the weights do not fit the architecture.
        """
        with steps.step("import"):
            import torch

            transformers = import_transformers()
            auto_config, auto_tokenizer = transformers.AutoConfig, transformers.AutoTokenizer
            auto_network = getattr(transformers, self.auto_class)
        self._setup = setup
        self._titles = self._titles_of(weights)
        device = _device(setup)
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(setup.threads)
        torch.manual_seed(setup.seed)
        with steps.step("config"):
            if weights.path is None:
                config = auto_config.for_model(**self.config(weights.scale))
            else:
                config = auto_config.from_pretrained(weights.path, **LOCAL)
        with steps.step("tokenizer"):
            if weights.path is not None:
                self.tokenizer = read_tokenizer(auto_tokenizer, weights.path)
        with steps.step("read"):
            if weights.path is not None:
                read_pages(weights.path)
        with steps.step("materialise"):
            network = materialised(auto_network, config, weights.path, setup).train(False)
            # Counted before quantising, after which a tied head is no longer the same tensor as the embeddings.
            self._parameters = sum(parameter.numel() for parameter in network.parameters())
            if setup.dtype == "int8_dynamic":
                network = quantize_int8(network)
        steps.park()
        with steps.step("to_device"):
            self._network = network.to(device)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
        if setup.compile != "none":
            _compile(network, setup.compile)

    def unload(self) -> None:
        """Drop the network and free its memory."""
        on_cuda = self._network is not None and self._network.device.type == "cuda"
        self._network = self.tokenizer = None
        gc.collect()
        if on_cuda:
            import torch

            torch.cuda.empty_cache()

    def describe(self) -> dict[str, object]:
        """Return the loaded model's exact size and the settings that affect its speed."""
        import torch

        from inference_bench.model.engines.transformers.engine import Transformers

        network = self.network
        return {
            **self._titles,
            "boundary": asdict(Transformers.boundary),
            "architecture": type(network).__name__,
            "parameters": self._parameters,
            "parameter_bytes": parameter_bytes(network),
            "parameters_mapped_from_file": _maps_weights(),
            "quantization": describe_int8(network) if self._setup.dtype == "int8_dynamic" else "none",
            "max_input_length": self.input_limit,
            "attention": self.text_config._attn_implementation,
            "compile": self._setup.compile,
            "device": str(network.device),
            "threads": torch.get_num_threads(),
            "interop_threads": torch.get_num_interop_threads(),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
            "torch": torch.__version__,
            "transformers": import_transformers().__version__,
            "prompt": "English text"
            if self.tokenizer
            else f"token ids drawn with seed {self._setup.seed}: no tokenizer",
        }

    def _titles_of(self, weights: ResolvedWeights) -> dict[str, object]:
        """Return the title and licence of weights that are not this model's; nothing for its own."""
        is_own = self._setup.weights in OWN and self.local
        if weights.path is None or is_own or not differing_sizes(type(self), weights.path):
            return {}
        return {"title": weights.label, "license": "unknown"}

    @property
    def network(self) -> PreTrainedModel:
        """The loaded network.

        Raises:
            RuntimeError: nothing is loaded.
        """
        if self._network is None:
            raise RuntimeError(f"{self.name} is not loaded")
        return self._network

    @property
    def text_config(self) -> PreTrainedConfig:
        """The configuration of the text part: the whole configuration unless the network also reads images."""
        return self.network.config.get_text_config()

    @property
    def input_limit(self) -> int:
        """The longest prompt in tokens, limited by the model's file and by the loaded configuration."""
        allowed: int = getattr(self.text_config, "max_position_embeddings", self.max_input_length)
        return min(allowed, self.max_input_length or allowed)

    @property
    def prompts(self) -> Prompts:
        """The prompts that the loaded model accepts."""
        return Prompts(self.min_input_length, self.input_limit, self.prompt_ids)

    def prompt_ids(self, length: int) -> list[int]:
        """Return the token ids of a prompt of this length; plain text unless a subclass adds more."""
        return self.text_ids(length)

    def text_ids(self, count: int) -> list[int]:
        """Return the first ``count`` token ids of the prompt text, or random ids without a tokenizer.

        Random ids are drawn from the set-up's seed.
        """
        tokenizer = self.tokenizer
        if tokenizer is None:
            return random_ids(self.text_config.vocab_size, self._setup.seed, count)

        def encode(text: str, special: bool = False) -> list[int]:
            ids: list[int] = tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]
            return ids

        before = special_tokens(encode).before
        return text_ids(lambda text: [*before, *encode(text)], count)


def _merged(base: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """Return ``base`` with ``changes``, nested mappings merged rather than replaced."""
    merged = dict(base)
    for name, value in changes.items():
        former = base.get(name)
        if isinstance(value, Mapping) and isinstance(former, Mapping):
            merged[name] = _merged(former, value)
        else:
            merged[name] = value
    return merged


def _device(setup: Setup) -> torch.device:
    import torch

    device = torch.device(setup.device)
    if device.type == "cuda":
        seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= seen:
            built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
            expected = f"one that torch sees: torch {torch.__version__}, {built}, sees {seen} GPUs"
            raise InvalidValueError("device", setup.device, expected, "Use --device cpu.")
        if setup.dtype == "int8_dynamic":
            raise InvalidValueError(
                "dtype", setup.dtype, "another dtype on a GPU", "torch has int8_dynamic on CPUs only."
            )
    return device


def _compile(network: PreTrainedModel, mode: str) -> None:
    """Compile on the first calls; beyond the limit torch would silently run a network uncompiled."""
    import torch

    torch._dynamo.config.recompile_limit = _RECOMPILE_LIMIT
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    network.compile(mode=mode)


def _maps_weights() -> bool:
    """Return whether the parameters are mapped from the file (same dtype, on the CPU) and not copied."""
    try:
        return ".safetensors\n" in Path("/proc/self/maps").read_text()
    except OSError:
        return False
