"""What we add to a decode step on each engine, and each engine's own clock beside ours.

``python -m bench.engine_step [--write]``, on a machine with nothing else to do; ``LLAMA_CPP_LIB`` may name the
libllama.so to load. With ``--write`` the tables go into ``bench/README.md``. Exits with 1 if we add more than 5 µs.

A *null step* is a decode step by the code that benchmarks time (``generator.timed`` and the recorder's tick), in which
the engine computes nothing. Its session is real, of a network with two tiny layers, and one real prompt was run:

- transformers: the network is replaced by ``torch.Tensor.numel`` of the token, and gives the output of the prompt.
- llama_cpp: ``llama_decode`` is replaced by ``llama_n_ctx`` of the same context through the same cffi binding. Its
  batch is filled, but not converted for the call; the pointer to the logits is fetched.
- onnxruntime_genai: ``append_tokens`` is replaced by ``is_done`` of the same generator. The array of the token is
  made, but not handed over.
- openvino_genai: ``generate`` is replaced by a loop over ``StreamerBase.write``, which goes through the binding's C++
  to our streamer, as the engine does; the engine's own queue before the streamer is not in it.
- ctranslate2: its callback cannot be called from outside of it. A real generation with our callback is held against
  the same one without any, and the figure is the difference per token.

*Added* is the null step without choosing: torch's argmax gives a token made before, llama.cpp's logits are one number,
and ``get_logits`` of onnxruntime-genai is replaced by ``token_count``. *Choosing and copying* is what real choosing
among 49,152 adds to that, which is work of the step (the boundary in ``docs/engines.md``). Where the engine chooses,
there is none of ours. vLLM has no row: its steps are in another process, and we await them.

The second table holds generations of the default model in float16: what our clock says over what the engine's says.
llama.cpp tells only ``llama_decode``; choosing the token lies outside of its clock and within ours.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_bench._native import TickRecorder
from inference_bench.analysis.estimates import median_estimate
from inference_bench.cli._run_options import DEFAULT_MODEL
from inference_bench.extras import missing_modules
from inference_bench.machine.cpus import available_cpus
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.engine.engine import engine_names, in_engine, load_engine
from inference_bench.model.engines.transformers.from_files import class_in_folder
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.model import Model
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.spec import Setup
from inference_bench.units import NS_PER_US

VOCABULARY = 49_152
"""That of the default model."""
FEW_TOKENS = 320
"""Vocabulary where the engine chooses: its own work is to be short beside its callback."""
STEPS, LOOP_STEPS = 1000, 200
"""Tokens of one repetition: of null steps, and of CTranslate2's real ones."""
REPETITIONS, GENERATIONS = 40, 12
PROMPT, NEW_TOKENS = 64, 33
LIMIT_US = 5.0
CLOCKED = ("llama_cpp", "openvino_genai")
_CACHE = "INFERENCE_BENCH_CACHE"
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- engine_step: begin -->", "<!-- engine_step: end -->"

Repetition = Callable[[], float]
"""Carries out the steps of one repetition and returns the nanoseconds of one."""
Repetitions = tuple[Repetition, ...]
"""Of null steps, and of the same with choosing where it is ours."""


def main() -> int:
    """Measure, print the tables, and keep them if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables into bench/README.md")
    given = parser.parse_args()
    engines = [name for name in engine_names() if name in WAYS and not missing_modules(load_engine(name).requires)]
    added = {name: _in_turns(name) for name in engines}
    text = "\n".join([*_steps_table(added), "", *_clocks_table(engines)])
    print(text)
    if given.write:
        _write(text)
    return int(any(np.median(turns[0]) > LIMIT_US * NS_PER_US for turns in added.values()))


def _in_turns(engine: str) -> list[list[float]]:
    """Return the nanoseconds per token of each repetition: null steps, and the same with choosing where it is ours."""
    chooses_here = not load_engine(engine).boundary.sampling.endswith("by the engine")
    vocabulary = VOCABULARY if chooses_here else FEW_TOKENS
    with TemporaryDirectory() as folder, _cache_in(folder):
        repetitions = WAYS[engine](_loaded(engine, _tiny(Path(folder) / "tiny", vocabulary)))
        turns = [[repetition() for repetition in repetitions] for _ in range(REPETITIONS + 1)]
    return [list(of) for of in zip(*turns[1:], strict=True)]  # the first warms up


@contextmanager
def _cache_in(folder: str) -> Iterator[None]:
    """Keep the conversions of tiny networks out of the user's cache."""
    before = os.environ.get(_CACHE)
    os.environ[_CACHE] = str(Path(folder) / "cache")
    yield
    del os.environ[_CACHE]
    if before is not None:
        os.environ[_CACHE] = before


def _tiny(folder: Path, vocabulary: int) -> type[Model]:
    """Return the class of a Llama of two tiny layers with random weights and a tokenizer of two words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    sizes: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    config = LlamaConfig(vocab_size=vocabulary, max_position_embeddings=1024, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({"<unk>": 0, "the": 1, "of": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer: Any = PreTrainedTokenizerFast
    tokenizer(tokenizer_object=words, unk_token="<unk>").save_pretrained(folder)
    return class_in_folder(folder, "tiny", local=folder)


def _loaded(engine: str, own: type[Model], threads: int = 1) -> Model:
    """Return a model in an engine: float16 where the engine has no float32."""
    chosen = in_engine(own, engine)
    setup = Setup(engine=engine, threads=threads, dtype="float32" if "float32" in chosen.dtypes else "float16")
    return _opened(chosen, setup)


def _opened(chosen: type[Model], setup: Setup) -> Model:
    weights = chosen.converted(resolve_weights(chosen, setup, _quiet), setup, _quiet)
    model = chosen()
    model.load(setup, weights, LoadSteps())
    return model


def _quiet(_: str) -> None:
    return


def _stepped(model: Any, *computations: Callable[[Any], None]) -> Repetitions:
    """Return repetitions of null steps, one for each replacement of the computation.

    One real prompt leaves logits behind before.
    """
    generator = model.generator()
    recorder, prompt = TickRecorder(STEPS + 1), generator.prompt(1)
    generator.prefill(prompt)

    def repetition(replace_computation: Callable[[Any], None]) -> float:
        replace_computation(generator)
        recorder.clear()
        generator.timed(prompt, STEPS, recorder.tick)
        return _per_token(recorder)

    return tuple(partial(repetition, computation) for computation in computations)


def _per_token(recorder: TickRecorder) -> float:
    """Return the nanoseconds per token after the first."""
    ticks = recorder.nanoseconds().tolist()
    return float((ticks[-1] - ticks[1]) / (len(ticks) - 2))


def _transformers(model: Any) -> Repetitions:
    network = model.network
    output = network(input_ids=model.generator().prompt(1), use_cache=True)
    token = output.logits[:, -1].argmax(-1, keepdim=True)

    class Chosen:
        def __getitem__(self, _: object) -> Chosen:
            return self

        def argmax(self, _: int, keepdim: bool) -> Any:
            return token

    def giving(logits: Any) -> Callable[[Any], None]:
        found = type(output)(logits=logits, past_key_values=output.past_key_values)

        def null(input_ids: Any, **_: object) -> Any:
            input_ids.numel()
            return found

        return lambda generator: setattr(generator._steps, "_network", null)

    return _stepped(model, giving(Chosen()), giving(output.logits))


def _llama_cpp(model: Any) -> Repetitions:
    session = model.session
    lib = session._lib

    def decode(context: Any, _: object) -> int:
        lib.llama_n_ctx(context)
        return 0

    kept = ("llama_get_logits_ith", "llama_memory_clear", "llama_perf_context_reset")
    null = SimpleNamespace(llama_decode=decode, **{name: getattr(lib, name) for name in kept})

    def searching(vocabulary: int) -> Callable[[Any], None]:
        def replace_computation(_: object) -> None:
            session._lib, session.vocabulary = null, vocabulary

        return replace_computation

    return _stepped(model, searching(1), searching(session.vocabulary))


def _onnxruntime_genai(model: Any) -> Repetitions:
    real, one = model.session._generator, np.zeros(1, np.float32)

    def append_tokens(_: object) -> None:
        real.is_done()

    def no_logits() -> Any:
        real.token_count()
        return one

    def giving(get_logits: Callable[[], Any]) -> Callable[[Any], None]:
        null = SimpleNamespace(append_tokens=append_tokens, get_logits=get_logits, rewind_to=_nothing)
        return lambda _: setattr(model.session, "_generator", null)

    return _stepped(model, giving(no_logits), giving(real.get_logits))


def _nothing(_: object) -> None:
    return


def _openvino_genai(model: Any) -> Repetitions:
    def replace_computation(_: object) -> None:
        from openvino_genai import StreamerBase

        write = StreamerBase.write
        found = SimpleNamespace(perf_metrics=SimpleNamespace(raw_metrics=None), tokens=[[]])

        def generate(_ids: object, _config: object, streamer: Any) -> Any:
            for token in range(STEPS):
                write(streamer, token)
            return found

        model.session._pipeline = SimpleNamespace(generate=generate)

    return _stepped(model, replace_computation)


def _ctranslate2(model: Any) -> Repetitions:
    """Return repetitions of the difference between generations with and without a callback, which take turns."""
    session, generator = model.session, model.generator()
    real, recorder, clock = session._generator, TickRecorder(LOOP_STEPS + 1), TickRecorder(2)
    silent = SimpleNamespace(generate_batch=lambda *args, callback, **options: real.generate_batch(*args, **options))
    prompt = generator.prompt(1)

    def whole(of: Any) -> int:
        session._generator = of
        recorder.clear()
        clock.clear()
        clock.tick()
        generator.timed(prompt, LOOP_STEPS, recorder.tick)
        clock.tick()
        begin_ns, end_ns = clock.nanoseconds().tolist()
        return int(end_ns - begin_ns)

    def repetition() -> float:
        first, with_callback, last = whole(silent), whole(real), whole(silent)
        return (with_callback - (first + last) / 2) / LOOP_STEPS

    return (repetition,)


WAYS: dict[str, Callable[[Any], Repetitions]] = {
    "transformers": _transformers,
    "llama_cpp": _llama_cpp,
    "onnxruntime_genai": _onnxruntime_genai,
    "openvino_genai": _openvino_genai,
    "ctranslate2": _ctranslate2,
}
"""How each engine's null step is made."""


def _steps_table(added: dict[str, list[list[float]]]) -> Iterator[str]:
    yield f"| engine | added, µs a token (≤ {LIMIT_US:g}) | choosing and copying at {VOCABULARY:,}, µs |"
    yield "|---|---:|---:|"
    for engine, turns in added.items():
        bare = np.array(turns[0]) / NS_PER_US
        chosen = "by the engine" if len(turns) == 1 else _interval(np.array(turns[1]) / NS_PER_US - bare)
        yield f"| {engine} | {_interval(bare)} | {chosen} |"


def _clocks_table(engines: list[str]) -> Iterator[str]:
    yield "| engine | part | ours over its own clock, % |"
    yield "|---|---|---:|"
    for engine in (name for name in CLOCKED if name in engines):
        for part, values in zip(("prompt", "a further token"), _clocks(engine), strict=True):
            yield f"| {engine} | {part} | {_interval(values, sign='+')} |"


def _clocks(engine: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far our times are above the engine's, in percent: of the prompt, and of a further token."""
    own = load_model(find_models()[DEFAULT_MODEL])
    setup = Setup(engine=engine, dtype="float16", threads=available_cpus())
    model: Any = _opened(in_engine(own, engine), setup)
    generator, recorder = model.generator(), TickRecorder(NEW_TOKENS + 1)
    prompt = generator.prompt(PROMPT)
    found = []
    for _ in range(GENERATIONS + 1):  # the first warms up
        generator.reset()
        recorder.clear()
        generator.timed(prompt, NEW_TOKENS, recorder.tick)
        own_prompt_ns, own_tokens_ns = generator.own_times()
        ticks = recorder.nanoseconds().tolist()
        found.append(((ticks[1] - ticks[0]) / own_prompt_ns, _per_token(recorder) / fmean(own_tokens_ns)))
    model.unload()
    prompts, tokens = 100 * (np.array(found[1:]).T - 1)
    return prompts, tokens


def _interval(values: NDArray[np.float64], sign: str = "") -> str:
    """Return the median and its 95 % interval; the extremes are its ends where the values are too dependent."""
    found = median_estimate(values)
    low = values.min() if found.low is None else found.low
    high = values.max() if found.high is None else found.high
    return f"{np.median(values):{sign}.2f} ({low:{sign}.2f} to {high:{sign}.2f})"


def _write(text: str) -> None:
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
