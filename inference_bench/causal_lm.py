"""A causal language model on transformers, so that a model's folder need only describe it."""

from __future__ import annotations

import gc
import mmap
import random
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from inference_bench.errors import InvalidValueError, WeightsError
from inference_bench.model import LoadSteps, Model, ResolvedWeights, TextGenerator
from inference_bench.spec import Setup

PROMPT_FILE = Path(__file__).with_name("data") / "prompt.txt"


class CausalLM(Model):
    """Loads through ``AutoModelForCausalLM``: safetensors only, no remote code.

    Attributes:
        architecture: ``model_type`` and the other values of the published ``config.json``; used for random weights.
        reduced: what differs in the small model of the same architecture.
        network: the loaded ``PreTrainedModel``.
        tokenizer: the loaded tokenizer, or None with random weights.
    """

    architecture: ClassVar[Mapping[str, Any]] = {}
    reduced: ClassVar[Mapping[str, Any]] = {}

    def __init__(self) -> None:
        self.network: Any = None
        self.tokenizer: Any = None
        self._setup = Setup()

    @classmethod
    def config(cls, scale: str = "full") -> dict[str, Any]:
        """Return the arguments of the configuration at this scale."""
        return {**cls.architecture, **(cls.reduced if scale == "reduced" else {})}

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        """Load onto the device; every page of the weights has been read when this returns.

        Raises:
            InvalidValueError: torch does not see this device.
            WeightsError: the weights do not fit the architecture.
        """
        with steps.step("import"):
            import torch

            transformers = _transformers()
            auto_config, auto_tokenizer = transformers.AutoConfig, transformers.AutoTokenizer
        self._setup = setup
        device = _device(setup.device)
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(setup.threads)
        torch.manual_seed(setup.seed)
        with steps.step("config"):
            if weights.path is None:
                config = auto_config.for_model(**self.config(weights.scale))
            else:
                config = auto_config.from_pretrained(weights.path, local_files_only=True, trust_remote_code=False)
        with steps.step("tokenizer"):
            if weights.path is not None:
                self.tokenizer = auto_tokenizer.from_pretrained(
                    weights.path, local_files_only=True, trust_remote_code=False
                )
        with steps.step("weights"):
            dtype = getattr(torch, setup.dtype)
            network = _read(config, weights.path, dtype) if weights.path else _initialise(config, dtype)
        with steps.step("to_device"):
            self.network = network.eval().to(device)
            if device.type == "cuda":
                torch.cuda.synchronize(device)

    def unload(self) -> None:
        """Drop the network and hand its memory back."""
        on_cuda = self.network is not None and self.network.device.type == "cuda"
        self.network = self.tokenizer = None
        gc.collect()
        if on_cuda:
            import torch

            torch.cuda.empty_cache()

    def generator(self) -> TextGenerator:
        """Return greedy generation at batch size 1."""
        if self.tokenizer is None:
            return CausalLMGenerator(self.network, self._random_ids, self._limit)
        return CausalLMGenerator(self.network, self._text_ids, self._limit)

    def describe(self) -> dict[str, Any]:
        """Return the loaded model's exact size and the settings that its speed depends on."""
        import torch

        network = self.network
        parameters = list(network.parameters())
        seed = self._setup.seed
        return {
            "architecture": type(network).__name__,
            "parameters": sum(p.numel() for p in parameters),
            "parameter_bytes": sum(p.numel() * p.element_size() for p in parameters),
            "parameters_mapped_from_file": _maps_weights(),
            "kv_bytes_per_token": kv_bytes_per_token(network.config, parameters[0].element_size()),
            "max_input_length": self._limit,
            "attention": network.config._attn_implementation,
            "device": str(network.device),
            "threads": torch.get_num_threads(),
            "interop_threads": torch.get_num_interop_threads(),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
            "torch": torch.__version__,
            "transformers": _transformers().__version__,
            "generation": "greedy, batch 1, dynamic key-value cache, the model's own generation settings not applied",
            "generation_settings": _own_settings(network.generation_config),
            "prompt": "English text" if self.tokenizer else f"token ids drawn with seed {seed}: no tokenizer",
        }

    @property
    def _limit(self) -> int:
        """The longest prompt: what the model's file says, and what the loaded configuration allows."""
        allowed = getattr(self.network.config, "max_position_embeddings", self.max_input_length)
        return min(allowed, self.max_input_length or allowed)

    def _text_ids(self, length: int) -> list[int]:
        text = PROMPT_FILE.read_text(encoding="utf-8")
        ids: list[int] = []
        while len(ids) <= length:  # one more than needed: a tokenizer may add an end token, which is cut off
            ids = self.tokenizer(text)["input_ids"]
            text += text
        return ids[:length]

    def _random_ids(self, length: int) -> list[int]:
        draw = random.Random(self._setup.seed)
        return [draw.randrange(self.network.config.vocab_size) for _ in range(length)]


class CausalLMGenerator(TextGenerator):
    """Greedy steps with the tokens of ``generate(do_sample=False)``, without the bookkeeping around them.

    No attention mask and no position ids are passed: for one unpadded sequence the model derives the same ones.
    """

    def __init__(self, network: Any, ids: Any, limit: int) -> None:
        import torch

        self._torch = torch
        self._network = network
        self._ids = ids
        self._limit = limit
        self._cache: Any = None
        self._token: Any = None

    def prompt(self, length: int) -> Any:
        """Return the first ``length`` token ids as a tensor of shape (1, length) on the device.

        Raises:
            InvalidValueError: more than the model takes, or none.
        """
        if not 1 <= length <= self._limit:
            raise InvalidValueError("input length", length, f"1 to {self._limit} tokens")
        return self._torch.tensor([self._ids(length)], device=self._network.device)

    def reset(self) -> None:
        """Free the cache of the last sequence."""
        self._cache = self._token = None

    def prefill(self, prompt: Any) -> int:
        """Run the prompt into a fresh cache; only the last position goes through the head."""
        self._cache = None
        return self._step(prompt)

    def decode(self) -> int:
        """Run the last token, which has stayed on the device."""
        return self._step(self._token)

    def generate(self, prompt: Any, new_tokens: int) -> Sequence[int]:
        """Call transformers' ``generate`` with plain greedy settings and no end-of-sequence token."""
        network = self._network
        own = network.generation_config  # merged into whatever is passed, so it must step aside
        network.generation_config = _transformers().GenerationConfig(do_sample=False, pad_token_id=0)
        try:
            with self._torch.inference_mode():
                ids = network.generate(
                    prompt, attention_mask=self._torch.ones_like(prompt), max_new_tokens=new_tokens, do_sample=False
                )
        finally:
            network.generation_config = own
        tokens: list[int] = ids[0, prompt.shape[1] :].tolist()
        return tokens

    def _step(self, input_ids: Any) -> int:
        with self._torch.inference_mode():
            output = self._network(input_ids=input_ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
            self._cache = output.past_key_values
            # generate() compares a float32 copy; the conversion is exact and argmax takes the first of equals in both.
            self._token = output.logits[:, -1].argmax(-1, keepdim=True)
            token: int = self._token.item()  # waits for the device
        return token


def kv_bytes_per_token(config: Any, element_bytes: int) -> int | None:
    """Return the bytes that one more token takes in the key-value cache: 2 x layers x KV heads x head size x element.

    None for attention of another kind (latent, linear, sliding window), which this formula does not describe.
    """
    kinds = set(getattr(config, "layer_types", None) or ())
    if hasattr(config, "kv_lora_rank") or not kinds <= {"full_attention"}:
        return None
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * head_size * element_bytes)


def _transformers() -> Any:
    """Import transformers, whose annotations are too partial for strict checking."""
    return import_module("transformers")


def _device(name: str) -> Any:
    import torch

    device = torch.device(name)
    if device.type == "cuda":
        seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= seen:
            built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
            expected = f"one that torch sees: torch {torch.__version__}, {built}, sees {seen} GPUs"
            raise InvalidValueError("device", name, expected, "Use --device cpu.")
    return device


def _read(config: Any, path: Path, dtype: Any) -> Any:
    network, info = _transformers().AutoModelForCausalLM.from_pretrained(
        path,
        config=config,
        dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    # transformers fills what it does not find with random values and only warns.
    lacking = sorted(str(key) for kind in ("missing_keys", "mismatched_keys") for key in info[kind])
    if lacking:
        raise WeightsError(
            f"weights {path}: {len(lacking)} tensors of {type(network).__name__} missing or of another shape, first "
            f"{lacking[0]}. Get the weights that belong to this config.json."
        )
    _touch(network)
    return network


def _touch(network: Any) -> None:
    """Read one value of each page: safetensors maps the file, and the first call would be charged for the disk."""
    for parameter in network.parameters():
        parameter.detach().flatten()[:: mmap.PAGESIZE // parameter.element_size()].sum().item()


def _initialise(config: Any, dtype: Any) -> Any:
    return _transformers().AutoModelForCausalLM.from_config(config, dtype=dtype)


def _maps_weights() -> bool:
    """Say whether the parameters are pages of the file (same dtype, on the CPU) or a copy."""
    try:
        return ".safetensors\n" in Path("/proc/self/maps").read_text()
    except OSError:
        return False


def _own_settings(generation_config: Any) -> dict[str, Any]:
    own: dict[str, Any] = generation_config.to_diff_dict()
    own.pop("transformers_version", None)
    return own
