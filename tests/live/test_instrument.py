"""Instrumented models say the same tokens as bare ones, and what is measured of them adds up.

All but one use tiny random Llamas: what is tested is the path through transformers, which is the same.
"""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BartConfig,
    BartForConditionalGeneration,
    ContinuousBatchingConfig,
    LlamaConfig,
    T5Config,
    T5ForConditionalGeneration,
    TextIteratorStreamer,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.live import Profiler

VOCABULARY = 256


def tiny(seed: int = 0):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=None,
        pad_token_id=0,
    )
    return AutoModelForCausalLM.from_config(config).eval()


def prompt(rows: int = 1, length: int = 8):
    return torch.randint(3, VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def model():
    return tiny()


def counters(profiler):
    return {key.name: value for key, value in profiler.snapshot().counters.items()}


FORMS = {
    "greedy": {"do_sample": False},
    "sampling": {"do_sample": True, "temperature": 0.8, "top_k": 20},
    "beam": {"do_sample": False, "num_beams": 3},
    "beam sampling": {"do_sample": True, "num_beams": 2},
    "return sequences": {"do_sample": True, "num_return_sequences": 2},
    "no cache": {"do_sample": False, "use_cache": False},
    "chunked prefill": {"do_sample": False, "prefill_chunk_size": 4},
    "as a dictionary": {"do_sample": False, "return_dict_in_generate": True, "output_scores": True},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [1, 3])
def test_the_tokens_are_those_of_the_bare_model(profiler, model, form, rows):
    def tokens():
        torch.manual_seed(7)
        ids = prompt(rows)
        output = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=9, **FORMS[form])
        return getattr(output, "sequences", output)

    bare = tokens()
    profiler.instrument(model, "tiny")
    instrumented = tokens()
    profiler.uninstrument(model)
    after = tokens()

    assert torch.equal(bare, instrumented)
    assert torch.equal(bare, after)
    assert instrumented.shape[1] == 8 + 9
    snapshot = profiler.snapshot()
    assert [snapshot.histogram(name).total for name in ("ttft", "itl", "tpot", "e2e")] == [1, 8, 1, 1]
    assert snapshot.marks == {"tiny.token": 9}
    assert [snapshot.histogram(f"tiny.{name}").total for name in ("generate", "prefill", "decode")] == [1, 1, 1]
    returned = instrumented.shape[0]
    assert counters(profiler) == {
        "requests": 0,
        "requests_sampled": 0,
        "generations": 1,
        "generations_failed": 0,
        "tokens_in": rows * 8,
        "tokens_out": returned * 9,
    }


def test_the_parts_of_a_generation_add_up(profiler, model):
    profiler.instrument(model)
    model.generate(prompt(), attention_mask=torch.ones(1, 8), max_new_tokens=9)

    snapshot = profiler.snapshot()
    ttft, itl, e2e = (snapshot.histogram(name) for name in ("ttft", "itl", "e2e"))

    assert ttft.sum_ns + itl.sum_ns == e2e.sum_ns
    assert e2e.sum_ns <= snapshot.histogram("model.generate").sum_ns


def test_streaming_gives_the_same_text_in_the_same_pieces(profiler, model):
    class Tokenizer:
        def decode(self, ids, **_):
            return "".join(f"<{int(number)}>" for number in ids) + "\n"

    def pieces():
        streamer = TextIteratorStreamer(Tokenizer(), skip_prompt=True, timeout=20)
        keywords = {"attention_mask": torch.ones(1, 8), "max_new_tokens": 6, "streamer": streamer}
        thread = threading.Thread(target=model.generate, args=(prompt(),), kwargs=keywords)
        thread.start()
        said = list(streamer)
        thread.join()
        return said

    bare = pieces()
    profiler.instrument(model)

    assert pieces() == bare
    assert profiler.snapshot().marks == {"model.token": 6}


def test_continuous_batching_gives_the_same_tokens_and_its_times(profiler, model):
    prompts = [row.tolist() for row in prompt(3)]
    # Without a limit the cache takes most of the memory that is free, and others would be killed for it.
    small = ContinuousBatchingConfig(num_blocks=16, max_batch_tokens=64)

    def tokens():
        outputs = model.generate_batch(prompts, max_new_tokens=5, warmup=False, continuous_batching_config=small)
        return [output.generated_tokens for output in outputs.values()], [o.timestamps for o in outputs.values()]

    bare = tokens()
    if not bare[0]:
        pytest.skip("continuous batching does not run on this machine")
    profiler.instrument(model)

    assert tokens() == bare
    snapshot = profiler.snapshot()
    assert [snapshot.histogram(name).total for name in ("ttft", "itl", "tpot")] == [3, 12, 3]
    assert (counters(profiler)["tokens_in"], counters(profiler)["tokens_out"]) == (24, 15)


def test_two_threads_do_not_mix_their_generations(profiler, model):
    profiler.instrument(model)

    def work(length):
        for _ in range(5):
            model.generate(prompt(1, length), attention_mask=torch.ones(1, length), max_new_tokens=4)

    threads = [threading.Thread(target=work, args=(length,)) for length in (4, 12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    snapshot = profiler.snapshot()
    assert [snapshot.histogram(name).total for name in ("ttft", "itl", "e2e")] == [10, 30, 10]
    assert counters(profiler)["tokens_in"] == 5 * (4 + 12)
    assert snapshot.histogram("ttft").sum_ns + snapshot.histogram("itl").sum_ns == snapshot.histogram("e2e").sum_ns


def test_a_generation_belongs_to_its_request(profiler, model):
    profiler.instrument(model)
    with profiler.request() as request:
        model.generate(prompt(), attention_mask=torch.ones(1, 8), max_new_tokens=2)

    snapshot = profiler.snapshot()

    assert {exemplar.request_id for exemplar in snapshot.exemplars.values()} == {request.id}


def test_a_generation_that_raises_is_counted_and_leaves_nothing_behind(profiler, model):
    profiler.instrument(model)

    with pytest.raises(ValueError):
        model.generate(prompt(), max_new_tokens=-1)
    model.generate(prompt(), attention_mask=torch.ones(1, 8), max_new_tokens=2)

    found = counters(profiler)
    assert (found["generations"], found["generations_failed"]) == (1, 1)
    assert profiler.snapshot().histogram("ttft").total == 1


def test_forward_and_modules_are_timed_with_equal_outputs(profiler, model):
    ids = prompt(2)
    with torch.no_grad():
        bare = model(ids).logits
        profiler.instrument(model, "tiny", generate=False, forward=True, modules="model.layers.*.mlp")
        instrumented = model(ids).logits

    assert torch.equal(bare, instrumented)
    snapshot = profiler.snapshot()
    assert set(snapshot.spans) - {"(others)"} == {"tiny.forward", "tiny.model.layers.0.mlp", "tiny.model.layers.1.mlp"}
    assert all(counts.total == 1 for name, counts in snapshot.spans.items() if name != "(others)")


def test_generate_with_its_forward_timed_is_the_same(profiler, model):
    ids = prompt()
    bare = model.generate(ids, attention_mask=torch.ones(1, 8), max_new_tokens=5)
    profiler.instrument(model, forward=True)

    assert torch.equal(model.generate(ids, attention_mask=torch.ones(1, 8), max_new_tokens=5), bare)
    assert profiler.snapshot().histogram("model.forward").total == 5


def test_uninstrumenting_leaves_no_trace(profiler, model):
    before = [dict(vars(module)) for module in model.modules()]
    profiler.instrument(model, forward=True, modules="*mlp")
    profiler.uninstrument(model)

    assert [dict(vars(module)) for module in model.modules()] == before


def test_a_deep_copy_runs_its_own_weights(profiler, model):
    profiler.instrument(model)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.copy_(torch.randn_like(parameter))
    ids, mask = prompt(), torch.ones(1, 8)

    assert not torch.equal(
        twin.generate(ids, attention_mask=mask, max_new_tokens=8),
        model.generate(ids, attention_mask=mask, max_new_tokens=8),
    )


def test_another_tools_attribute_is_kept(profiler, model):
    calls = []
    own = type(model).forward

    def forward(*args, **kwargs):
        calls.append(1)
        return own(model, *args, **kwargs)

    model.forward = forward
    profiler.instrument(model, generate=False, forward=True)
    model(prompt())
    profiler.uninstrument(model)

    assert calls == [1]
    assert model.forward is forward


def test_bad_requests_are_refused_and_change_nothing(profiler, model):
    linear = torch.nn.Linear(2, 2)
    with pytest.raises(InvalidValueError, match="transformers model with generate"):
        profiler.instrument(linear)
    with pytest.raises(InvalidValueError, match="matches a module's name"):
        profiler.instrument(model, generate=False, modules="nothing.*")
    with pytest.raises(InvalidValueError, match="forward=True or modules="):
        profiler.instrument(model, generate=False)
    with pytest.raises(UsageError, match="not instrumented"):
        profiler.uninstrument(model)
    profiler.instrument(model)
    with pytest.raises(UsageError, match="instrumented already"):
        profiler.instrument(model)
    assert "forward" not in vars(linear)


def test_unsampled_generations_are_counted_all_the_same(model):
    with Profiler("test", budget=1.0) as profiler:
        profiler.sampling.every = 1 << 16
        profiler.instrument(model)
        model.generate(prompt(), attention_mask=torch.ones(1, 8), max_new_tokens=3)
        snapshot = profiler.snapshot()

    assert counters(profiler)["tokens_out"] == 3
    assert snapshot.histogram("ttft").total == 0
    assert snapshot.marks == {}


# ---- tokens out, where the output does not begin with the prompt or an iteration yields several


def t5():
    small = {"d_model": 32, "d_ff": 32, "d_kv": 16, "num_layers": 1, "num_heads": 2, "vocab_size": VOCABULARY}
    return T5ForConditionalGeneration(T5Config(**small, decoder_start_token_id=0)).eval()  # type: ignore[call-arg]


SIDES = {f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in (("layers", 1), ("attention_heads", 2))}
WIDTHS = {"d_model": 32, "vocab_size": VOCABULARY, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3}


def bart():
    return BartForConditionalGeneration(BartConfig(**SIDES, **WIDTHS, **TOKENS, forced_eos_token_id=None)).eval()


def whisper():
    config = WhisperConfig(**SIDES, **WIDTHS, **TOKENS, begin_suppress_tokens=None, suppress_tokens=None)
    return WhisperForConditionalGeneration(config).eval()


OUTPUTS = {
    "T5": (t5, lambda model: {"input_ids": prompt(2, 20)}, (40, 16)),
    "T5, a short prompt": (t5, lambda model: {"input_ids": prompt(1, 3)}, (3, 8)),
    "T5, the decoder's beginning": (
        t5,
        lambda model: {"input_ids": prompt(1, 20), "decoder_input_ids": torch.tensor([[0, 5, 6]])},
        (20, 8),
    ),
    "T5, beams": (t5, lambda model: {"input_ids": prompt(1, 20), "num_beams": 3}, (20, 8)),
    "T5, a dictionary": (t5, lambda model: {"input_ids": prompt(1, 20), "return_dict_in_generate": True}, (20, 8)),
    "BART": (bart, lambda model: {"input_ids": prompt(2, 20)}, (40, 16)),
    "Whisper": (whisper, lambda model: {"input_features": torch.zeros(1, 80, 3000)}, (0, 8)),
    "embeddings": (tiny, lambda model: {"inputs_embeds": model.get_input_embeddings()(prompt(1, 20))}, (0, 8)),
    "embeddings and ids": (
        tiny,
        lambda model: {"input_ids": prompt(1, 20), "inputs_embeds": model.get_input_embeddings()(prompt(1, 20))},
        (20, 8),
    ),
    "prompt look-up": (tiny, lambda model: {"input_ids": prompt(1, 20), "prompt_lookup_num_tokens": 3}, (20, 8)),
    "an assistant": (tiny, lambda model: {"input_ids": prompt(1, 20), "assistant_model": tiny(1)}, (20, 8)),
    "itself as assistant": (tiny, lambda model: {"input_ids": prompt(1, 20), "assistant_model": model}, (20, 8)),
    "its own first layer": (tiny, lambda model: {"input_ids": prompt(1, 20), "assistant_early_exit": 1}, (20, 8)),
}


@pytest.mark.parametrize("every", [1, 1 << 16], ids=["sampled", "not sampled"])
@pytest.mark.parametrize("form", OUTPUTS)
@pytest.mark.filterwarnings("ignore")
def test_tokens_are_counted_as_they_come_out(profiler, form, every):
    make, arguments, expected = OUTPUTS[form]
    model = make()
    profiler.sampling.every = every
    profiler.instrument(model)
    model.generate(**arguments(model), max_new_tokens=8, min_new_tokens=8)

    found = counters(profiler)
    assert (found["tokens_in"], found["tokens_out"]) == expected
    assert (found["generations"], found["generations_failed"]) == (1, 0)
    snapshot = profiler.snapshot()
    assert snapshot.histogram("ttft").total == snapshot.histogram("tpot").total == (every == 1)


def test_time_per_token_of_assisted_decoding_is_that_of_a_token(profiler, model):
    profiler.instrument(model)
    model.generate(prompt(1, 20), attention_mask=torch.ones(1, 20), assistant_model=model, max_new_tokens=12)

    snapshot = profiler.snapshot()
    ttft, itl, tpot, e2e = (snapshot.histogram(name) for name in ("ttft", "itl", "tpot", "e2e"))
    assert itl.total < 11  # iterations, each of several tokens
    assert tpot.sum_ns == (e2e.sum_ns - ttft.sum_ns) // 11


# ---- compiled models


def test_a_compiled_model_is_measured_as_the_one_inside(profiler, model):
    compiled, ids = torch.compile(model, backend="eager"), prompt()
    before = dict(vars(model))
    profiler.instrument(compiled, "tiny", forward=True)
    compiled.generate(ids, attention_mask=torch.ones(1, 8), max_new_tokens=5)  # type: ignore[attr-defined]
    compiled(ids)
    with pytest.raises(UsageError, match="instrumented already"):
        profiler.instrument(model)

    assert counters(profiler)["tokens_out"] == 5
    assert profiler.snapshot().histogram("tiny.forward").total == 1  # generate calls the one inside
    profiler.uninstrument(compiled)
    assert dict(vars(model)) == before


def test_modules_inside_a_compiled_model_are_refused(profiler, model):
    compiled, in_place = torch.compile(model, backend="eager"), tiny(1)
    in_place.compile(backend="eager")
    for given in (compiled, in_place):
        with pytest.raises(InvalidValueError, match="not compiled"):
            profiler.instrument(given, generate=False, modules="*mlp")
    profiler.instrument(compiled, generate=False, forward=True)
