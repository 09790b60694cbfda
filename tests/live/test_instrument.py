"""Instrumented models say the same tokens as bare ones, and what is measured of them adds up.

All but one use tiny random Llamas: what is tested is the path through transformers, which is the same.
"""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from transformers import AutoModelForCausalLM, ContinuousBatchingConfig, LlamaConfig, TextIteratorStreamer

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
