"""Small models have every kind of layer that the full one has, and run."""

from __future__ import annotations

import json
import keyword
import math
from pathlib import Path
from typing import Any

import pytest

from inference_bench.benchmark.discovery import BenchmarkFile, load_benchmark
from inference_bench.errors import InvalidValueError
from inference_bench.model.discovery import ModelFile, load_model
from inference_bench.model.engines.transformers.causal_lm import CausalLM
from inference_bench.model.engines.transformers.config_file import Config, architecture_of
from inference_bench.model.engines.transformers.reductions import reduced, reductions
from inference_bench.scaffold.model_facts import ModelFacts
from inference_bench.scaffold.skeleton import _literal, check_name, model_files, own_benchmark, write_files
from inference_bench.scaffold.trial import trial

_SIZES: dict[str, Any] = {
    "vocab_size": 65536,
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 4096,
}
_MAMBA: dict[str, Any] = {"mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2}

HYBRIDS: dict[str, dict[str, Any]] = {
    "jamba": {
        **_SIZES,
        **_MAMBA,
        "num_hidden_layers": 32,
        "attn_layer_period": 8,
        "attn_layer_offset": 4,
        "expert_layer_period": 2,
        "expert_layer_offset": 1,
        "num_experts": 16,
        "num_experts_per_tok": 2,
        "use_mamba_kernels": False,
    },
    "bamba": {
        **_SIZES,
        **_MAMBA,
        "num_hidden_layers": 32,
        "attn_layer_indices": [9, 18, 27],
        "mamba_n_heads": 32,
        "mamba_d_head": 64,
        "mamba_n_groups": 1,
        "mamba_chunk_size": 16,
        "time_step_limit": [0.0, {"__float__": "Infinity"}],
    },
    "nemotron_h": {
        **_SIZES,
        "num_hidden_layers": 52,
        "hybrid_override_pattern": "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-",
        "mamba_num_heads": 32,
        "mamba_head_dim": 64,
        "ssm_state_size": 16,
        "n_groups": 8,
        "chunk_size": 16,
        "head_dim": 128,
    },
    "zamba2": {
        **_SIZES,
        **_MAMBA,
        "num_hidden_layers": 54,
        "hybrid_layer_ids": [6, 12, 18, 24, 30, 36, 42, 47, 51],
        "layers_block_type": ["hybrid" if at in (6, 12, 18, 24, 30, 36, 42, 47, 51) else "mamba" for at in range(54)],
        "n_mamba_heads": 8,
        "mamba_headdim": 256,
        "attention_hidden_size": 2048,
        "attention_head_dim": 256,
        "use_mem_rope": False,
        "chunk_size": 16,
    },
    "granitemoehybrid": {
        **_SIZES,
        **_MAMBA,
        "num_hidden_layers": 48,
        "layer_types": ["mamba"] * 42 + ["attention"] + ["mamba"] * 5,
        "mamba_n_heads": 32,
        "mamba_d_head": 64,
        "mamba_chunk_size": 16,
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "shared_intermediate_size": 512,
    },
    "lfm2": {**_SIZES, "num_hidden_layers": 16, "layer_types": ["conv"] * 9 + ["full_attention"] + ["conv"] * 6},
    "qwen3_next": {
        **_SIZES,
        "num_hidden_layers": 48,
        "head_dim": 128,
        "full_attention_interval": 4,
        "num_experts": 512,
        "num_experts_per_tok": 10,
        "moe_intermediate_size": 512,
        "shared_expert_intermediate_size": 512,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": 32,
    },
    "gemma3_text": {**_SIZES, "num_hidden_layers": 26, "head_dim": 64, "sliding_window_pattern": 6},
    "mamba2": {
        "vocab_size": 32768,
        "hidden_size": 1024,
        "num_heads": 32,
        "head_dim": 64,
        "num_hidden_layers": 64,
        "n_groups": 8,
        "time_step_limit": [0.0, math.inf],
    },
    "recurrent_gemma": {**_SIZES, "num_hidden_layers": 26, "lru_width": 1024, "head_dim": 128},
    "helium": {**_SIZES, "num_hidden_layers": 24, "head_dim": 128},
    "smollm3": {**_SIZES, "vocab_size": 128256, "num_hidden_layers": 36},
}
"""Published forms of configurations, with smaller widths, by ``model_type``."""


def kinds(config: Config) -> set[object]:
    """Return the kinds of layers of a configuration, as transformers reads it."""
    from transformers import AutoConfig

    found = AutoConfig.for_model(**config)
    for name in ("layers_block_type", "layer_types", "block_types"):
        if listed := getattr(found, name, None):
            return set(listed)
    return set()


@pytest.mark.parametrize("kind", HYBRIDS)
def test_a_small_model_has_every_kind_of_layer_and_runs(kind: str) -> None:
    """Its steps give the tokens of generate(), or trial() would not take it."""
    config = architecture_of({"model_type": kind, **HYBRIDS[kind]})
    found = trial(CausalLM, config, list(reductions(config)))
    assert found["smallest"] is not None, found["reason"]
    small = {**config, **list(reductions(config))[found["smallest"]]}
    assert small.get("num_hidden_layers", 99) <= 14
    assert kinds(small) == kinds(config)


@pytest.mark.parametrize("key", ["layer_types", "layers_block_type", "mlp_layer_types"])
@pytest.mark.parametrize("place", [0, 1, 5, 41, 47])
def test_the_only_layer_of_a_kind_is_kept_wherever_it_is(key: str, place: int) -> None:
    listed = ["common"] * place + ["rare"] + ["common"] * (47 - place)
    small = reduced({"num_hidden_layers": 48, key: listed, "widths": [64] * 48})
    assert small["num_hidden_layers"] == len(small[key]) == len(small["widths"]) == 4
    assert set(small[key]) == {"common", "rare"}


def test_layers_named_by_their_numbers_are_renumbered() -> None:
    small = reduced({"num_hidden_layers": 40, "attn_layer_indices": [9, 18, 27]})
    assert small == {"num_hidden_layers": 4, "attn_layer_indices": [3]}


def test_ids_of_tokens_are_no_numbers_of_layers() -> None:
    assert "eos_token_ids" not in reduced({"num_hidden_layers": 40, "eos_token_ids": [1, 2]})


def test_a_configuration_that_cannot_run_is_refused_with_the_reason() -> None:
    """No layer of attention: its cache has no length."""
    config = architecture_of({"model_type": "bamba", **HYBRIDS["bamba"], "attn_layer_indices": []})
    found = trial(CausalLM, config, list(reductions(config)))
    assert found["smallest"] is None
    assert len(found["reason"]) > 20


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("1e999", math.inf),
        ("NaN", math.nan),
        ('{"__float__": "Infinity"}', math.inf),
        ('{"__float__": "-Infinity"}', -math.inf),
        ('{"__float__": "NaN"}', math.nan),
        ("1e-6", 1e-6),
    ],
)
def test_floats_that_json_does_not_have_survive_into_python(text: str, value: float) -> None:
    read = json.loads(f'{{"model_type": "mamba2", "limit": [0.0, {text}], "inner": {{"x": {text}}}}}')
    config = architecture_of(read)
    again = eval(_literal(dict(config)))
    for found in (*config["limit"][1:], config["inner"]["x"], again["limit"][1], again["inner"]["x"]):
        assert found == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize("name", [*(word.lower() for word in keyword.kwlist), "none", "true", "false"])
def test_words_of_python_are_no_names(name: str) -> None:
    for kind in ("model", "benchmark"):
        with pytest.raises(InvalidValueError, match=f"no word of Python itself. Try {name}_{kind}"):
            check_name(kind, name)


NAMES = ("auto", "null", "all", "self", "print", "match", "any", "model", "type", "exception", "mapping", "sequence")
CLASSES = ("text_generator", "hub_weights", "invalid_value_error", "setup", "load_steps", "benchmark", "measurement")


@pytest.mark.parametrize("name", [*NAMES, *CLASSES])
def test_other_words_are_names_and_what_is_written_runs(name: str, tmp_path: Path) -> None:
    """Even where a class of the file has the same name."""
    check_name("model", name)
    write_files(tmp_path / name, model_files(ModelFacts(name)))
    model = load_model(ModelFile(name, tmp_path / name / "model.py"))()
    generator = model.generator()
    prompt = generator.prompt(3)
    assert [generator.prefill(prompt), generator.decode()] == list(generator.generate(prompt, 2))
    with pytest.raises(InvalidValueError):
        generator.prompt(0)
    for function in (True, False):
        path = tmp_path / f"{function}" / f"benchmark_{name}.py"
        path.parent.mkdir()
        path.write_text(own_benchmark(name, function=function))
        assert load_benchmark(BenchmarkFile(name, path)).title
