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
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from inference_bench._native import clock_describe, die_with_parent, now_ns
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.discovery import BenchmarkFile, load_benchmark
from inference_bench.benchmark.measurement import Measurement
from inference_bench.errors import InferenceBenchError, NotApplicableError, PluginError
from inference_bench.machine.process_usage import Usage
from inference_bench.model.discovery import ModelFile, load_model
from inference_bench.model.load_steps import LoadStep, LoadSteps
from inference_bench.model.model import Model
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.orchestration import protocol
from inference_bench.plan import Case
from inference_bench.result import Status
from inference_bench.spec import Limits, Setup


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

    def serve(self) -> None:
        """Answer messages until released or until the orchestrator is gone."""
        answers = {"load": self._load, "measure": self._measure}
        while (message := self._channel.receive()) is not None:
            kind = message["kind"]
            if kind == "release":
                break
            try:
                answers[kind](message)
            except Exception as error:
                self._channel.send("failed", **_describe_failure(error))
        if self._model is not None:
            self._model.unload()

    def _load(self, message: dict[str, Any]) -> None:
        setup = Setup(**message["setup"])
        weights = _weights_from(message["weights"])
        random.seed(setup.seed)
        model_class = load_model(ModelFile(message["model_file"]["name"], Path(message["model_file"]["path"])))
        model = model_class()
        self._weights = weights
        benchmark = _benchmark(message)
        if benchmark.own_process:
            self._prepared = self._measurement(message)
            benchmark.before_load(_case_from(message["case"]), self._prepared)
        self._steps.wait = self._park if message["parks"] else None
        model.load(setup, weights, self._steps)
        self._model = model
        self._channel.send("loaded", model=self._describe(model, weights), steps=self._steps.steps)

    def _park(self) -> None:
        """Wait, with everything on the host, until it is this model's turn."""
        self._channel.send("parked")
        if self._channel.receive() is None:
            raise SystemExit  # the orchestrator is gone

    def _describe(self, model: Model, weights: ResolvedWeights) -> dict[str, Any]:
        plain_weights = {
            "source": weights.source,
            "label": weights.label,
            "trained": weights.trained,
            "scale": weights.scale,
            "digest": weights.digest,
        }
        own = {"name": model.name, "title": model.title, "license": model.license, "parameters": model.parameters}
        return {**own, **model.describe(), "weights": plain_weights}

    def _measurement(self, message: dict[str, Any]) -> Measurement:
        return Measurement(
            Limits(**message["limits"]),
            on_progress=lambda fields: self._channel.send("progress", **fields),
            weights=self._weights,
            on_window=self._announce,
        )

    def _announce(self, *, opens: bool) -> None:
        """Tell that a timed window opens or closes; before it opens, wait until nobody else is running."""
        self._channel.send("window", opens=opens)
        if opens and self._channel.receive() is None:
            raise SystemExit  # the orchestrator is gone

    def _measure(self, message: dict[str, Any]) -> None:
        if self._model is None:
            raise RuntimeError("measure before load")
        case = _case_from(message["case"])
        measurement = self._prepared or self._measurement(message)
        self._prepared = None
        measurement.load_steps = self._steps.steps
        # What the imports and the load left behind must not be collected, or looked at, inside a timed window.
        gc.collect()
        gc.freeze()
        before = Usage.now()
        _benchmark(message).measure(self._model, case, measurement)
        usage = Usage.now().since(before)
        if not (measurement.columns()["value"] or measurement.scores()["value"]):
            raise PluginError(f"benchmark {case.benchmark!r} ended without a single sample or score")
        cpus = os.cpu_count() or 1
        self._channel.send(
            "measured",
            samples=measurement.columns(),
            scores=measurement.scores(),
            rates=measurement.rates,
            memory=_timeline(measurement),
            decision=measurement.decision,
            notes=measurement.notes + usage.notes(case.setup, cpus),
            worker={
                "pid": os.getpid(),
                "first_case": not self._measured_before,
                "load_steps": self._steps.steps,
                "usage": usage,
                "clock": clock_describe(),
                "versions": _versions(),
                "sampler": measurement.sampler.stats() if measurement.sampler else None,
            },
        )
        self._measured_before = True


def _benchmark(message: dict[str, Any]) -> Benchmark:
    path = message["benchmark_file"]
    return load_benchmark(BenchmarkFile(message["case"]["benchmark"], Path(path) if path else None))()


def _case_from(plain: dict[str, Any]) -> Case:
    return Case(plain["model"], plain["benchmark"], Setup(**plain["setup"]), plain["parameters"])


def _weights_from(plain: dict[str, Any]) -> ResolvedWeights:
    path = plain["path"]
    return ResolvedWeights(**{**plain, "path": Path(path) if path else None})


def _timeline(measurement: Measurement) -> dict[str, Any] | None:
    """Return the sampler's columns as plain lists, phases spelled out; None where nothing was sampled."""
    if measurement.sampler is None:
        return None
    columns: dict[str, Any] = {name: view.tolist() for name, view in measurement.sampler.columns().items()}
    names = measurement.sampler.phase_names
    columns["phase"] = [names[index] for index in columns["phase"]]
    columns.setdefault("cgroup_bytes", [-1] * len(columns["time_ns"]))
    return columns


def _versions() -> dict[str, str]:
    found = {}
    for name in ("inference-bench", "torch", "transformers", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"python": sys.version.split()[0], **found}


_OUT_OF_MEMORY = ("OutOfMemory", "out of memory", "can't allocate memory")
"""In the name or the words of an error: torch's allocators, CUDA before there is an allocator, torch on the CPU."""


def _describe_failure(error: Exception) -> dict[str, Any]:
    """Sort an exception into a status and a one-line cause."""
    status = Status.FAILED
    # CUDA's own errors go on for lines about how to look into them; the traceback has them.
    said = str(error).strip().partition("\n")[0]
    cause = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if isinstance(error, NotApplicableError):
        status, cause = Status.NOT_APPLICABLE, str(error)
    elif isinstance(error, InferenceBenchError):
        cause = str(error)
    elif isinstance(error, MemoryError) or any(words in cause for words in _OUT_OF_MEMORY):
        status = Status.OOM
    return {"status": status.value, "cause": " ".join(cause.split()), "detail": traceback.format_exc()}


def main() -> None:
    """Serve one orchestrator over the socket whose descriptor is the first argument."""
    descriptor, spawned_ns, parent = map(int, sys.argv[1:4])
    die_with_parent()
    if os.getppid() != parent:
        return  # it was gone before the kernel could be asked to tell
    # Ctrl-C is the orchestrator's to handle: it decides whether this case is still finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = protocol.Channel(socket.socket(fileno=descriptor))
    ready_ns = now_ns()
    channel.send("hello", version=protocol.VERSION, pid=os.getpid(), ready_ns=ready_ns)
    Worker(channel, LoadStep("boot", spawned_ns, ready_ns)).serve()


if __name__ == "__main__":
    main()
