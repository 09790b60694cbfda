"""Qwen3-VL-2B-Instruct: a vision-language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from inference_bench import (
    BatchGenerator,
    CausalLM,
    CausalLMBatchGenerator,
    CausalLMGenerator,
    HubWeights,
    PaddedPrompts,
    TextGenerator,
)

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_SIDE = 256
"""Width and height of the test image in pixels: the smallest that the published settings do not enlarge."""


class Qwen3VL(CausalLM):
    """A vision transformer whose features enter the first layers of a Qwen3 of 28 layers.

    Every prompt is an image of 64 tokens between two markers, then text; ``input_length`` counts all of them. Each
    prefill runs the vision transformer, so the time to the first token includes it.
    """

    title = "Qwen3-VL-2B-Instruct"
    description = (
        "Qwen3-VL architecture, 24 vision and 28 text layers; instruction-tuned, image and text, 256 k context"
    )
    license = "Apache-2.0"
    parameters = 2_127_532_032
    published_dtype = "bfloat16"
    min_input_length = 67  # the image, its two markers, and one token of text
    max_input_length = 262_144
    abilities = ("generate",)
    hub = HubWeights(repo_id="Qwen/Qwen3-VL-2B-Instruct", revision="main")
    auto_class = "AutoModelForImageTextToText"
    architecture: ClassVar[Mapping[str, Any]] = {
        "model_type": "qwen3_vl",
        "text_config": {
            "vocab_size": 151_936,
            "hidden_size": 2048,
            "intermediate_size": 6144,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "max_position_embeddings": 262_144,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 5_000_000.0,
                "mrope_interleaved": True,
                "mrope_section": [24, 20, 20],
            },
            "tie_word_embeddings": True,
            "bos_token_id": 151_643,
            "eos_token_id": 151_645,
        },
        "vision_config": {
            "depth": 24,
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_heads": 16,
            "in_channels": 3,
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "num_position_embeddings": 2304,
            "out_hidden_size": 2048,
            "deepstack_visual_indexes": [5, 11, 17],
            "hidden_act": "gelu_pytorch_tanh",
        },
        "image_token_id": 151_655,
        "video_token_id": 151_656,
        "vision_start_token_id": 151_652,
        "vision_end_token_id": 151_653,
        "tie_word_embeddings": True,
    }
    reduced: ClassVar[Mapping[str, Any]] = {
        "text_config": {
            "vocab_size": 2048,
            "hidden_size": 128,
            "intermediate_size": 384,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 32,
            "rope_parameters": {"mrope_section": [6, 5, 5]},
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        "vision_config": {
            "depth": 4,
            "hidden_size": 64,
            "intermediate_size": 256,
            "num_heads": 4,
            "out_hidden_size": 128,
            "deepstack_visual_indexes": [0, 1, 2],
        },
        "image_token_id": 2046,
        "video_token_id": 2047,
        "vision_start_token_id": 2044,
        "vision_end_token_id": 2045,
    }
    image_settings: ClassVar[Mapping[str, Any]] = {
        "patch_size": 16,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "size": {"shortest_edge": 65_536, "longest_edge": 16_777_216},  # pixels of the whole image
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    """The published ``preprocessor_config.json``."""

    def generator(self) -> TextGenerator:
        """Return greedy generation from an image and text, at batch size 1."""
        return ImageTextGenerator(self)

    def batch_generator(self) -> BatchGenerator:
        """Return greedy generation from several images, each with text."""
        return ImageTextBatchGenerator(self)

    def describe(self) -> dict[str, object]:
        """Return the facts of every causal model, and the image."""
        about = super().describe()
        image = f"a disc on a gradient, {_SIDE} × {_SIDE} pixels, {self.min_input_length - 3} tokens"
        return {**about, "image": image, "prompt": f"the image, then {about['prompt']}"}

    def text_ids(self, count: int) -> list[int]:
        """Return ids of text only: the ids of images and markers are above all text ids."""
        config = self.network.config
        words = min(config.image_token_id, config.video_token_id, config.vision_start_token_id)
        return [token % words for token in super().text_ids(count)]

    def prompt_ids(self, length: int) -> list[int]:
        """Return the image tokens between their markers, then text."""
        config = self.network.config
        image = [config.image_token_id] * (self.min_input_length - 3)
        opening = [config.vision_start_token_id, *image, config.vision_end_token_id]
        return [*opening, *self.text_ids(length - len(opening))]

    def image_inputs(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the other arguments of a prefill: one image per row, and the positions of its tokens."""
        from transformers import Qwen2VLImageProcessorPil

        processor = Qwen2VLImageProcessorPil(**self.image_settings)
        pixels = processor(images=[_image()] * len(ids), return_tensors="pt").to(ids.device)
        place = (ids == self.network.config.image_token_id).to(ids.dtype)
        return {**pixels, "mm_token_type_ids": place}


class ImageTextGenerator(CausalLMGenerator):
    """Greedy steps; a prompt is the arguments of the first. The network remembers the image's positions."""

    def __init__(self, model: Qwen3VL) -> None:
        super().__init__(model.network, model.prompts)
        self._image_inputs = model.image_inputs

    def prompt(self, length: int) -> Any:
        """Return the keyword arguments of the first step."""
        ids = super().prompt(length)
        return {"input_ids": ids, **self._image_inputs(ids)}

    def prefill(self, prompt: Any) -> int:
        """Run the image and all tokens with a fresh cache."""
        images = {name: value for name, value in prompt.items() if name != "input_ids"}
        return self._on_host(self._steps.begin(prompt["input_ids"], **images))

    def generate(self, prompt: Any, new_tokens: int) -> Sequence[int]:
        """Call transformers' ``generate`` with the image."""
        return self._generate(new_tokens, **prompt, attention_mask=self._torch.ones_like(prompt["input_ids"]))


class ImageTextBatchGenerator(CausalLMBatchGenerator):
    """Greedy steps of several rows with one image each."""

    def __init__(self, model: Qwen3VL) -> None:
        super().__init__(model.network, model.prompts)
        self._image_inputs = model.image_inputs

    def prefill(self, batch: PaddedPrompts) -> list[int]:
        """Run the images and the rows with a fresh cache; the network computes the positions itself."""
        self.reset()
        self._mask = batch.mask
        masking = {} if batch.mask is None else {"attention_mask": batch.mask}
        return self._on_host(self._steps.begin(batch.ids, **masking, **self._image_inputs(batch.ids)))

    def _positions(self, mask: torch.Tensor, new_columns: int) -> dict[str, torch.Tensor]:
        """Return the positions after the first step."""
        positions = super()._positions(mask, new_columns)["position_ids"] + self._network.model.rope_deltas
        return {"position_ids": positions.expand(3, -1, -1)}


def _image() -> NDArray[np.uint8]:
    """Draw the image: RGB, 8 bits, shape (height, width, 3)."""
    import numpy as np

    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE]
    disc = (rows - _SIDE / 2) ** 2 + (columns - _SIDE / 2) ** 2 < (_SIDE / 4) ** 2
    return np.stack([np.where(disc, 220, rows), columns, np.where(disc, 30, 128)], axis=-1).astype(np.uint8)
