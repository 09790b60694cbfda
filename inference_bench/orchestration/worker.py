"""One run of a model in a fresh process: boot, load, measure, release.

Started as ``python -m inference_bench.orchestration.worker DESCRIPTOR SPAWNED_NS PARENT``; see ``protocol``.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import socket
import sys
import traceback
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version

from inference_bench._native import clock_describe, die_with_parent, now_ns
from inference_bench.analysis.demand_rates import demand_rates
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.breakdown.of_case import Breakdown, breakdown_of
from inference_bench.benchmark.discovery import BenchmarkFile, load_benchmark
from inference_bench.benchmark.measurement import Measurement
from inference_bench.demands import Passes, demands_from
from inference_bench.errors import InferenceBenchError, NotApplicableError, PluginError, ProtocolError
from inference_bench.extras import install_advice
from inference_bench.machine.process_usage import Usage, WindowUsage
from inference_bench.model.demands import demands_facts
from inference_bench.model.discovery import load_model
from inference_bench.model.engine.engine import in_engine
from inference_bench.model.load_steps import LoadStep, LoadSteps
from inference_bench.model.model import Model
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.orchestration import protocol
from inference_bench.orchestration.messages import (
    CaseProgress,
    Failed,
    Hello,
    Load,
    Loaded,
    Measure,
    Measured,
    Message,
    Parked,
    Release,
    Window,
    WorkerFacts,
)
from inference_bench.plan import Case
from inference_bench.result import Status
from inference_bench.spec import Limits


class Worker:
    """Holds one loaded model and measures cases with it."""

    def __init__(self, channel: protocol.Channel, boot: LoadStep) -> None:
        self._channel = channel
        self._steps = LoadSteps()
        self._steps.steps.append(boot)
        self._model: Model | None = None
        self._weights: ResolvedWeights | None = None
        self._prepared: Measurement | None = None
        self._measured_before = False
        self._windows = WindowUsage()
        self._demands: dict[str, object] = {}

    def serve(self) -> None:
        """Answer messages until released or until the orchestrator has closed its end."""
        while (message := self._channel.receive()) is not None and not isinstance(message, Release):
            try:
                self._channel.send(self._answer(message))
            except Exception as error:
                self._channel.send(_failure_of(error))
        if self._model is not None:
            self._model.unload()

    def _answer(self, message: Message) -> Loaded | Measured:
        if isinstance(message, Load):
            return self._load(message)
        if isinstance(message, Measure):
            return self._measure(message)
        raise ProtocolError(f"message {message.kind!r} where load, measure or release was expected")

    def _load(self, message: Load) -> Loaded:
        random.seed(message.setup.seed)
        model = in_engine(load_model(message.model_file), message.setup.engine)()
        self._weights = message.weights
        benchmark = _benchmark(message)
        if benchmark.own_process:
            self._prepared = self._measurement(message.limits)
            benchmark.before_load(message.case, self._prepared)
        self._steps.wait = self._park if message.parks else None
        model.load(message.setup, message.weights, self._steps)
        self._model = model
        return Loaded(_description(model, message.weights), tuple(self._steps.steps))

    def _park(self) -> None:
        """Wait, with everything on the host, until it is this model's turn."""
        self._channel.send(Parked())
        if self._channel.receive() is None:
            raise SystemExit  # the orchestrator has ended

    def _measurement(self, limits: Limits) -> Measurement:
        return Measurement(
            limits,
            on_progress=lambda fields: self._channel.send(CaseProgress(**fields)),
            weights=self._weights,
            on_window=self._announce,
        )

    def _announce(self, *, opens: bool) -> None:
        """Report that a timed window opens or closes; before it opens, wait until no other worker disturbs it."""
        if not opens:
            self._windows.close()
        self._channel.send(Window(opens))
        if opens and self._channel.receive() is None:
            raise SystemExit  # the orchestrator has ended
        if opens:
            self._windows.open()

    def _measure(self, message: Measure) -> Measured:
        if self._model is None:
            raise RuntimeError("measure before load")
        measurement = self._prepared or self._measurement(message.limits)
        self._prepared = None
        measurement.run = message.run
        measurement.load_steps = self._steps.steps
        # What the imports and the load left behind must not be collected, or looked at, inside a timed window.
        gc.collect()
        gc.freeze()
        self._windows, before = WindowUsage(), Usage.now()
        benchmark = _benchmark(message)
        benchmark.measure(self._model, message.case, measurement)
        usage = self._windows.total or Usage.now().since(before)
        answer = self._measured(measurement, message.case, usage)
        self._measured_before = True
        if message.breakdown:
            answer = _with_breakdown(answer, breakdown_of(benchmark, self._model, message.case))
        return answer if message.run else self._with_demands(answer, measurement.passes)

    def _with_demands(self, answer: Measured, passes: Passes | None) -> Measured:
        """Add the model's demands: counting them warms it up, so it comes after all that was measured cold."""
        assert self._model is not None
        self._demands = self._demands or demands_facts(self._model)
        found = self._demands.get("demands")
        rates = demand_rates(demands_from(found), passes) if isinstance(found, dict) and passes else {}
        return replace(answer, demands=self._demands, rates={**answer.rates, **rates})

    def _measured(self, measurement: Measurement, case: Case, usage: Usage) -> Measured:
        samples, scores = measurement.columns(), measurement.scores()
        if not (samples["value"] or scores["value"]):
            raise PluginError(f"benchmark {case.benchmark!r} ended without a single sample or score")
        decision = measurement.decision
        return Measured(
            samples=samples,
            scores=scores,
            rates=measurement.rates,
            memory=_timeline(measurement),
            decision={"converged": decision.converged, "reason": decision.reason, "targets": decision.targets},
            worker=self._facts(measurement, usage),
            notes=measurement.notes,
            requests=measurement.requests,
            chunks=measurement.chunks,
            server_readings=measurement.server_readings,
            floor=measurement.floor,
            interrupted=measurement.interrupted,
        )

    def _facts(self, measurement: Measurement, usage: Usage) -> WorkerFacts:
        return {
            "pid": os.getpid(),
            "first_case": not self._measured_before,
            "load_steps": [asdict(step) for step in self._steps.steps],
            "usage": asdict(usage),
            "busy_threads": self._windows.busy_threads,
            "waited_ns": self._windows.waited_ns,
            "work": measurement.work,
            "clock": clock_describe(),
            "versions": _versions(),
            "sampler": measurement.sampler.stats() if measurement.sampler else None,
        }


def _with_breakdown(answer: Measured, seen: Breakdown) -> Measured:
    """Add what the pass saw that came after all that was measured."""
    return replace(answer, operations=seen.columns, notes=[*answer.notes, *seen.notes])


def _benchmark(message: Load | Measure) -> Benchmark:
    return load_benchmark(BenchmarkFile(message.case.benchmark, message.benchmark_file))()


def _description(model: Model, weights: ResolvedWeights) -> dict[str, object]:
    """Return what the model says of itself and what its weights are."""
    own = {"name": model.name, "title": model.title, "license": model.license, "parameters": model.parameters}
    plain_weights = {name: value for name, value in asdict(weights).items() if name not in ("path", "gguf")}
    if weights.converted is None:
        del plain_weights["converted"]
    else:
        del plain_weights["converted"]["path"]
    return {"engine": model.engine, **own, **model.describe(), "weights": plain_weights}


def _timeline(measurement: Measurement) -> dict[str, list[int] | list[str]] | None:
    """Return the sampler's columns as lists, phases by name; None if memory was not sampled."""
    if measurement.sampler is None:
        return None
    numbers: dict[str, list[int]] = {name: view.tolist() for name, view in measurement.sampler.columns().items()}
    names = measurement.sampler.phase_names
    phases = [names[index] for index in numbers["phase"]]
    return {"cgroup_bytes": [-1] * len(phases), **numbers, "phase": phases}


def _versions() -> dict[str, str]:
    found = {}
    for name in ("inference-bench", "torch", "transformers", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"python": sys.version.split()[0], **found}


_OUT_OF_MEMORY = ("OutOfMemory", "out of memory", "can't allocate memory")
"""Parts of the name or text of an error: torch's allocators, CUDA before there is an allocator, torch on the CPU."""


def _failure_of(error: Exception) -> Failed:
    """Return the status and the one-line cause of an exception."""
    status = Status.FAILED
    # CUDA's own errors add lines about how to debug them; the traceback has them.
    said = str(error).strip().partition("\n")[0]
    cause = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if isinstance(error, NotApplicableError):
        status, cause = Status.NOT_APPLICABLE, str(error)
    elif isinstance(error, InferenceBenchError):
        cause = str(error)
    elif advice := install_advice(error):
        cause = advice
    elif isinstance(error, MemoryError) or any(words in cause for words in _OUT_OF_MEMORY):
        status = Status.OOM
    return Failed(status, " ".join(cause.split()), traceback.format_exc())


def main() -> None:
    """Serve one orchestrator over the socket whose descriptor is the first argument."""
    descriptor, spawned_ns, parent = map(int, sys.argv[1:4])
    die_with_parent()
    if os.getppid() != parent:
        return  # it ended before the line above took effect
    # The orchestrator handles Ctrl-C: it decides whether the present case is still finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = protocol.Channel(socket.socket(fileno=descriptor))
    ready_ns = now_ns()
    channel.send(Hello(protocol.VERSION, os.getpid(), ready_ns))
    Worker(channel, LoadStep("boot", spawned_ns, ready_ns)).serve()


if __name__ == "__main__":
    main()
