"""Inference speed: a text generator's first and later tokens, an encoder's forward pass, or a call of anything."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from inference_bench._native import TickRecorder
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.breakdown.step_sequence import StepSequence
from inference_bench.benchmarks._api import API, api_of
from inference_bench.benchmarks._call_checks import check_call
from inference_bench.benchmarks._calls import call_steps, inputs_of, items_of, time_model_calls, with_call_axes
from inference_bench.benchmarks._lengths import check_length, fitting
from inference_bench.benchmarks._llama_bench import PROMPT, TOKENS, check_llama_bench, measure_llama_bench
from inference_bench.benchmarks._steps import generation_steps, own_clock_note, record_steps, time_steps, work_of
from inference_bench.demands import Passes
from inference_bench.errors import UnknownNameError
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case

_GENERATION_EVERY = 4
"""One iteration in four is a whole generation, beginning with the first measured one; the others stop after the first
token. The cold call is whole as well.

A generation costs ten times a prefill and yields one TTFT but many inter-token intervals, which become precise much
earlier. Otherwise nine tenths of the time would go into them.
"""


class InferenceSpeedBenchmark(Benchmark):
    """Time the first token, each later one, and the whole generation; the forward pass of an encoder; or a call.

    The axis ``view`` says how the model is called:

    - ``steps``: one forward pass with cache per token and a clock reading between two; the model's own speed.
    - ``generate``: the framework's ``generate``, as a user calls it; TTFT is that of a call for one token.
    - ``stream``: one streamed request after another over HTTP; the default of an endpoint.
    - ``forward``: one forward pass over a prompt; the default of text encoders.
    - ``llama_bench``: the rates of llama-bench by its own definition, of ``--engine llama_cpp``.
    - ``call``: one ``call`` of the model's ``inputs``; the default of models that read no text.
    """

    title = "Inference speed"
    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("input_length", (128, 512), help="tokens of the prompt"),
        Axis("new_tokens", (32,), help="tokens to generate; end-of-sequence is ignored"),
        Axis(
            "view",
            ("steps",),
            help="how the model is run: steps, generate, stream (an endpoint), forward (an encoder), call (any model), "
            "llama_bench (llama_cpp)",
        ),
        API,
    )
    targets = ("ttft", "itl")
    headline = (
        *("ttft", "itl", "tpot", "e2e", "prefill_rate", "decode_rate"),
        *("forward_time", "embedding_rate", "call_time", "item_rate", PROMPT, TOKENS),
    )

    @classmethod
    def axes_for(cls, model: type[Model]) -> tuple[Axis, ...]:
        """Return the axes with lengths that the model supports and the view for its abilities."""
        axes = with_call_axes(fitting(cls.axes, model), model)
        view = next((view for ability, view in _DEFAULT_VIEWS.items() if ability in model.abilities), "steps")
        return tuple(
            replace(axis, default=(view,)) if axis.name == "view" and axis.default == ("steps",) else axis
            for axis in axes
            if axis.name != API.name or "serve" in model.abilities
        )

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse an unknown or unsupported view, and more tokens than the model supports."""
        view = str(case.parameters["view"])
        if view not in _VIEWS:
            raise UnknownNameError("view", view, _VIEWS)
        if view == "call":
            check_call(model, case)
            return
        if view == "llama_bench":
            check_llama_bench(model)
        model.require(_ABILITY.get(view, "generate"))
        api_of(case)
        check_length(model, case)

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Repeat the calls of this view until their times are precise."""
        _VIEWS[str(case.parameters["view"])](model, case, measurement)

    def steps(self, model: Model, case: Case) -> StepSequence | None:
        """Return a prefill and a decode step, or one pass of a model that does not generate."""
        view = str(case.parameters["view"])
        if view in ("steps", "generate"):
            generator = model.generator()
            return generation_steps(generator, generator.prompt(case.integer("input_length")))
        if view == "forward":
            encoder = model.encoder()
            return StepSequence({"forward": partial(encoder.encode, encoder.prompt(case.integer("input_length")))})
        return call_steps(model, case) if view == "call" else None


def _measure_steps(model: Model, case: Case, measurement: Measurement) -> None:
    """Alternate whole generations and lone prefills until TTFT and ITL are precise."""
    generator = model.generator()
    prompt = generator.prompt(case.integer("input_length"))
    new_tokens = case.integer("new_tokens")
    measurement.rates |= {"prefill_rate": case.integer("input_length"), "decode_rate": 1}
    measurement.passes = Passes(case.integer("input_length"), new_tokens)
    measurement.work |= work_of(generator.prompt_ids(prompt))
    recorder = TickRecorder(new_tokens + 1)
    first_measured = 1 + measurement.limits.warmup_iterations
    for iteration in measurement.iterations(("ttft", "itl") if new_tokens > 1 else ("ttft",)):
        whole = iteration.index == 0 or (iteration.index - first_measured) % _GENERATION_EVERY == 0
        time_steps(generator, prompt, new_tokens if whole else 1, recorder)
        # Freeing the cache of a long prompt takes a fraction of a millisecond; no token should include it.
        generator.reset()
        if whole:
            measurement.work["new_tokens"] = len(recorder.nanoseconds()) - 1
        record_steps(iteration, recorder, new_tokens)
    if note := own_clock_note(generator, prompt, new_tokens, recorder):
        measurement.notes.append(note)


def _measure_generate(model: Model, case: Case, measurement: Measurement) -> None:
    """Call ``generate`` for one token and for all of them, in turn, until both are precise."""
    generator = model.generator()
    prompt = generator.prompt(case.integer("input_length"))
    new_tokens = case.integer("new_tokens")
    measurement.rates |= {"prefill_rate": case.integer("input_length"), "output_throughput": new_tokens}
    recorder = TickRecorder(3)
    for iteration in measurement.iterations(("ttft", "e2e")):
        recorder.clear()
        recorder.tick()
        generator.generate(prompt, 1)
        recorder.tick()
        generator.generate(prompt, new_tokens)
        recorder.tick()
        start_ns, first_ns, end_ns = recorder.nanoseconds().tolist()
        iteration.record("ttft", first_ns - start_ns, start_ns=start_ns, phase="prefill")
        iteration.record("e2e", end_ns - first_ns, start_ns=first_ns)


def _measure_forward(model: Model, case: Case, measurement: Measurement) -> None:
    """Encode one prompt again and again."""
    encoder = model.encoder()
    prompt = encoder.prompt(case.integer("input_length"))
    measurement.rates |= {"embedding_rate": 1, "encode_rate": case.integer("input_length")}
    measurement.passes = Passes(case.integer("input_length"))
    recorder = TickRecorder(2)
    for iteration in measurement.iterations(("forward_time",)):
        recorder.clear()
        recorder.tick()
        encoder.encode(prompt)
        recorder.tick()
        start_ns, end_ns = recorder.nanoseconds().tolist()
        iteration.record("forward_time", end_ns - start_ns, start_ns=start_ns, phase="forward")


def _measure_call(model: Model, case: Case, measurement: Measurement) -> None:
    """Call the model with the same inputs again and again."""
    time_model_calls(model, inputs_of(model, case), items_of(case), measurement)


def _measure_stream(model: Model, case: Case, measurement: Measurement) -> None:
    """Send one request after another until TTFT and ITL are precise; each connection's first request is not counted."""
    from inference_bench.benchmarks._single_stream import measure_stream

    measurement.rates |= {"prefill_rate": case.integer("input_length"), "decode_rate": 1}
    targets = ("ttft", "itl") if case.integer("new_tokens") > 1 else ("ttft",)
    measure_stream(model.load_server(api_of(case)), case, measurement, targets)


_VIEWS = {
    "steps": _measure_steps,
    "generate": _measure_generate,
    "stream": _measure_stream,
    "forward": _measure_forward,
    "call": _measure_call,
    "llama_bench": measure_llama_bench,
}

_ABILITY = {"forward": "encode", "stream": "serve"}
"""View → the ability that it needs, unless that is to generate."""

_DEFAULT_VIEWS = {"serve": "stream", "generate": "steps", "encode": "forward", "call": "call"}
"""Ability → how a model is run that has it and none of those before."""
