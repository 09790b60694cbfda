"""Greedy steps against transformers' own generate, on random and on trained weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference_bench.errors import InvalidValueError, NotApplicableError, WeightsError
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.engines.transformers.causal_lm import CausalLM, kv_bytes_per_token
from inference_bench.model.engines.transformers.network import read_network
from inference_bench.model.interfaces import TextGenerator
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.prompts import prompt_text
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.spec import Setup
from tests.tiny_networks import CONFIGS, tiny

REDUCED = Setup(weights="random", scale="reduced", threads=2)


def smollm2() -> type[CausalLM]:
    found = load_model(find_models()["smollm2_135m_instruct"])
    assert issubclass(found, CausalLM)
    return found


def loaded(setup: Setup) -> CausalLM:
    model = smollm2()()
    model.load(setup, resolve_weights(type(model), setup, print), LoadSteps())
    return model


def stepped(generator: TextGenerator, prompt: Any, new_tokens: int) -> list[int]:
    return [generator.prefill(prompt), *(generator.decode() for _ in range(new_tokens - 1))]


@pytest.fixture(scope="module")
def reduced() -> Iterator[CausalLM]:
    model = loaded(REDUCED)
    yield model
    model.unload()


@pytest.fixture(scope="module")
def trained() -> Iterator[CausalLM]:
    """The real model, from the user's own cache: fetched once for all runs of the tests."""
    model = loaded(Setup(threads=1))  # the other CPUs have other tests
    yield model
    model.unload()


def test_load_times_every_step_in_order() -> None:
    steps = LoadSteps()
    model = smollm2()()
    model.load(REDUCED, resolve_weights(smollm2(), REDUCED, print), steps)
    assert [step.name for step in steps.steps] == ["import", "config", "tokenizer", "read", "materialise", "to_device"]
    edges = [ns for step in steps.steps for ns in (step.begin_ns, step.end_ns)]
    assert edges == sorted(edges)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("length", [1, 32, 128, 512])
def test_steps_are_generate_on_random_weights(dtype: str, length: int) -> None:
    model = loaded(Setup(weights="random", scale="reduced", threads=2, dtype=dtype))
    generator = model.generator()
    prompt = generator.prompt(length)
    assert generator.generate(prompt, 12) == stepped(generator, prompt, 12)


def test_a_second_prefill_starts_afresh(reduced: CausalLM) -> None:
    generator = reduced.generator()
    prompt = generator.prompt(16)
    first = stepped(generator, prompt, 4)
    assert first == stepped(generator, prompt, 4)
    generator.reset()
    assert first == stepped(generator, prompt, 4)


def test_random_weights_depend_on_the_seed_alone(reduced: CausalLM) -> None:
    import torch

    again = loaded(REDUCED)
    other = loaded(Setup(weights="random", scale="reduced", threads=2, seed=1))
    pairs = zip(reduced.network.parameters(), again.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    prompts = [model.generator().prompt(8).tolist() for model in (reduced, again, other)]
    assert prompts[0] == prompts[1] != prompts[2]


def test_random_weights_say_what_their_prompt_is(reduced: CausalLM) -> None:
    assert reduced.describe()["prompt"] == "token ids drawn with seed 0: no tokenizer"


def test_describe_counts_what_is_loaded(reduced: CausalLM) -> None:
    about = reduced.describe()
    assert about["parameters"] == sum(p.numel() for p in reduced.network.parameters())
    assert about["parameter_bytes"] == 4 * about["parameters"]
    assert about["attention"] == "sdpa"
    assert about["threads"] == 2


def test_kv_bytes_are_those_of_the_cache(reduced: CausalLM) -> None:
    import torch

    with torch.inference_mode():
        cache = reduced.network(reduced.generator().prompt(10), use_cache=True).past_key_values
    held = sum(t.numel() * t.element_size() for layer in cache.layers for t in (layer.keys, layer.values))
    assert held == 10 * reduced.describe()["kv_bytes_per_token"]


@pytest.mark.parametrize("name", CONFIGS)
def test_kv_bytes_are_those_of_every_kind_of_cache_or_unknown(name: str) -> None:
    import torch

    class Model(CausalLM):
        network = tiny(name)  # type: ignore[assignment]

    found = Model().describe()["kv_bytes_per_token"]
    with torch.inference_mode():
        output = tiny(name)(input_ids=torch.arange(10, 50)[None], use_cache=True)
    layers = getattr(output.get("past_key_values"), "layers", ())
    held = sum(
        4 * of.numel()
        for layer in layers
        for of in (getattr(layer, "keys", None), getattr(layer, "values", None))
        if of is not None
    )
    assert found in (None, held / 40)
    if name in ("llama", "phi3 longrope", "gpt2 learned positions", "bloom alibi", "falcon one head of keys"):
        assert found == held / 40


@pytest.mark.parametrize("architecture", ["deepseek_v3", "qwen3_next", "gemma3_text"])
def test_kv_bytes_of_other_kinds_of_attention_are_not_guessed(architecture: str) -> None:
    from transformers import AutoConfig

    assert kv_bytes_per_token(AutoConfig.for_model(architecture), 2) is None


def test_kv_bytes_of_full_attention_in_every_layer() -> None:
    from transformers import AutoConfig

    config = AutoConfig.for_model("qwen3", num_hidden_layers=28, num_key_value_heads=8, head_dim=128)
    assert kv_bytes_per_token(config, 2) == 114_688  # Qwen3-0.6B in bfloat16


@pytest.mark.parametrize("length", [0, -1, 8193])
def test_a_prompt_beyond_the_limit_is_refused(reduced: CausalLM, length: int) -> None:
    with pytest.raises(InvalidValueError, match=rf"input length: got {length}, expected 1 to 8192 tokens"):
        reduced.generator().prompt(length)


def test_cuda_where_there_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidValueError, match=r"device: got 'cuda'.* sees 0 GPUs. Use --device cpu"):
        loaded(Setup(device="cuda", weights="random", scale="reduced"))


def test_weights_that_lack_a_tensor_are_refused(reduced: CausalLM, tmp_path: Path) -> None:
    """Transformers itself would fill the gap with random values."""
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM

    reduced.network.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"1 tensors of LlamaForCausalLM missing.*layers\.1\.mlp\.up_proj"):
        read_network(AutoModelForCausalLM, reduced.network.config, tmp_path, {"dtype": reduced.network.dtype})


def test_the_prompt_text_is_prose() -> None:
    words = prompt_text().split()
    assert len(words) > 600
    assert len(set(words)) > 300


def test_unload_lets_go() -> None:
    model = loaded(REDUCED)
    model.unload()
    with pytest.raises(RuntimeError, match="not loaded"):
        model.network  # noqa: B018
    model.unload()


@pytest.mark.slow
class TestTrained:
    def test_answers(self, trained: CausalLM) -> None:
        chat = trained.tokenizer(trained.chat_prompt("What is the capital of France?"), return_tensors="pt")
        ids = trained.network.generate(**chat, do_sample=False, max_new_tokens=12)
        assert "Paris" in trained.tokenizer.decode(ids[0, chat["input_ids"].shape[1] :])

    @pytest.mark.parametrize("length", [32, 128, 512])
    def test_steps_are_generate(self, trained: CausalLM, length: int) -> None:
        generator = trained.generator()
        prompt = generator.prompt(length)
        tokens = stepped(generator, prompt, 12)
        assert generator.generate(prompt, 12) == tokens
        plain = trained.network.generate(prompt, do_sample=False, max_new_tokens=12)[0, length:].tolist()
        assert plain == tokens[: len(plain)]  # ends early at an end-of-sequence token

    def test_steps_go_on_past_the_end_of_sequence(self, trained: CausalLM) -> None:
        """After a whole answer the model ends its turn: plain generate stops there, a benchmark does not."""
        import torch

        generator = trained.generator()
        text = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
        prompt = torch.tensor([trained.tokenizer(text)["input_ids"]])
        tokens = stepped(generator, prompt, 24)
        assert trained.network.generation_config.eos_token_id in tokens
        assert generator.generate(prompt, 24) == tokens
        plain = trained.network.generate(prompt, do_sample=False, max_new_tokens=24)[0, prompt.shape[1] :].tolist()
        assert len(plain) < 24
        assert plain == tokens[: len(plain)]

    def test_the_prompt_is_text_of_exactly_this_length(self, trained: CausalLM) -> None:
        generator = trained.generator()
        whole = trained.tokenizer(prompt_text())["input_ids"]
        assert generator.prompt(32).tolist() == [whole[:32]]
        assert generator.prompt(3 * len(whole)).shape == (1, 3 * len(whole))

    def test_the_loaded_config_is_the_published_one(self, trained: CausalLM) -> None:
        published = smollm2().config()
        loaded_config = trained.network.config.to_dict()
        assert {key: loaded_config[key] for key in published} == {
            **published,
            "rms_norm_eps": pytest.approx(published["rms_norm_eps"]),
        }

    def test_describe(self, trained: CausalLM) -> None:
        about = trained.describe()
        assert about["parameters"] == smollm2().parameters == 134_515_008
        assert about["prompt"] == "English text"
        assert about["kv_bytes_per_token"] == 2 * 30 * 3 * 64 * 4
        assert about["parameters_mapped_from_file"] is True


@pytest.mark.gpu
def test_steps_are_generate_on_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    model = loaded(Setup(device="cuda", weights="random", scale="reduced", dtype="bfloat16"))
    generator = model.generator()
    prompt = generator.prompt(128)
    assert generator.generate(prompt, 32) == stepped(generator, prompt, 32)


@pytest.fixture
def folder(reduced: CausalLM, tmp_path: Path) -> Path:
    """A folder of weights straight from training: without a tokenizer."""
    reduced.network.save_pretrained(tmp_path / "w")
    return tmp_path / "w"


def test_a_folder_without_a_tokenizer_is_measured_with_drawn_ids(folder: Path) -> None:
    model = loaded(Setup(weights=str(folder), threads=2))
    assert model.describe()["prompt"] == "token ids drawn with seed 0: no tokenizer"
    generator = model.generator()
    prompt = generator.prompt(8)
    assert stepped(generator, prompt, 3) == list(generator.generate(prompt, 3))
    with pytest.raises(NotApplicableError, match="no tokenizer"):
        model.scorer().log_likelihoods("a", ["b"])
    with pytest.raises(NotApplicableError, match="no tokenizer"):
        model.chat_prompt("a")


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer.model", "vocab.json"])
def test_a_tokenizer_that_cannot_be_read_is_refused_with_the_whole_reason(folder: Path, name: str) -> None:
    (folder / name).write_text("no tokenizer")
    with pytest.raises(WeightsError, match=r"weights .*/w: its tokenizer cannot be read: .{20}") as caught:
        loaded(Setup(weights=str(folder), threads=2))
    assert "\n" not in str(caught.value)


def test_weights_of_another_size_say_so(folder: Path, reduced: CausalLM) -> None:
    """The reduced model is a Llama, too, but not SmolLM2."""
    about = loaded(Setup(weights=str(folder), threads=2)).describe()
    assert (about["title"], about["license"]) == ("local w", "unknown")
    assert "title" not in reduced.describe()
