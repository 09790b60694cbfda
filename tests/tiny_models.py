"""Tiny models of the kinds that are no causal language models, with random weights, loaded as benchmarks do it."""

from __future__ import annotations

from typing import Any

from inference_bench.model.engines.transformers.architectures import class_for
from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.spec import Setup

_BERT: dict[str, Any] = {
    "model_type": "bert",
    "vocab_size": 256,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
_ENCODER_DECODER: dict[str, Any] = {
    "vocab_size": 256,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "decoder_start_token_id": 2,
    "bos_token_id": 0,
    "pad_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "BertForSequenceClassification": {**_BERT, "num_labels": 3},
    "BertForTokenClassification": _BERT,
    "BertForQuestionAnswering": _BERT,
    "GPT2ForSequenceClassification": {
        "model_type": "gpt2",
        "vocab_size": 256,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 64,
        "bos_token_id": 0,
        "eos_token_id": 0,
    },
    "ViTForImageClassification": {
        "model_type": "vit",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "image_size": 32,
        "patch_size": 8,
    },
    "ResNetForImageClassification": {
        "model_type": "resnet",
        "embedding_size": 8,
        "hidden_sizes": [8, 16],
        "depths": [1, 1],
    },
    "WhisperForConditionalGeneration": {
        **_ENCODER_DECODER,
        "model_type": "whisper",
        "num_mel_bins": 20,
        "max_source_positions": 50,
        "max_target_positions": 64,
    },
    "T5ForConditionalGeneration": {
        "model_type": "t5",
        "vocab_size": 256,
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 64,
        "num_layers": 2,
        "num_decoder_layers": 2,
        "num_heads": 4,
        "tie_word_embeddings": False,
        "decoder_start_token_id": 0,
        "initializer_factor": 10.0,
        "pad_token_id": 0,
        "eos_token_id": 1,
    },
    "BartForConditionalGeneration": {**_ENCODER_DECODER, "model_type": "bart", "max_position_embeddings": 128},
    "MarianMTModel": {**_ENCODER_DECODER, "model_type": "marian", "max_position_embeddings": 128},
}
"""Architecture → its configuration."""

WEIGHTS = ResolvedWeights("random", "RANDOM weights", trained=False, scale="reduced")


def tiny_class(architecture: str) -> type[TransformersModel]:
    """Return the class that runs an architecture, with a tiny configuration of it."""
    config = CONFIGS[architecture]
    base = class_for({**config, "architectures": [architecture]})
    members = {"architecture": config, "name": architecture.lower(), "max_input_length": 64}
    return type("Tiny", (base,), members)


def loaded(architecture: str, setup: Setup | None = None) -> Any:
    """Return a tiny model of an architecture."""
    model = tiny_class(architecture)()
    model.load(setup or Setup(), WEIGHTS, LoadSteps())
    return model
