"""The workers of one run: how each is started, and what it is asked to load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from inference_bench.model.discovery import ModelFile, find_models
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.orchestration.fetched_weights import FetchedWeights
from inference_bench.orchestration.harness_floor import FLOOR_LIMITS
from inference_bench.orchestration.loading import NOTHING, Loading
from inference_bench.orchestration.messages import Load
from inference_bench.orchestration.overlap_policy import Needs, Overlap, Until, how_far_ahead, needs_of
from inference_bench.orchestration.planning import Prepared
from inference_bench.orchestration.worker_process import WorkerProcess
from inference_bench.orchestration.worker_thread import WorkerThread
from inference_bench.plan import Case
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import NS_PER_S

_NO_WEIGHTS = ResolvedWeights(source="none", label="no weights", trained=False)


class Workers:
    """Makes workers, each with a log file of its own.

    Args:
        spec: says whether they are processes or threads, and how far they load ahead.
        prepared: the plan and its plugins.
        weights: of its models.
        logs: folder of the log files; those of an earlier process of the run are kept.
        overlap: where they run.
    """

    def __init__(self, spec: Spec, prepared: Prepared, weights: FetchedWeights, logs: Path, overlap: Overlap) -> None:
        self._prepared = prepared
        self._weights = weights
        self._logs = logs
        self._overlap = overlap
        self._park = spec.park
        self._is_inline = spec.isolation == "inline"
        self._silence_s = spec.limits.silence_ns / NS_PER_S
        self._started = len(list(logs.glob("*")))

    def for_case(self, case: Case, *, parks: bool = False) -> Loading:
        """Return a worker, not yet started, that will load the model of a case and of those that share the load.

        Args:
            case: the first that will be measured; its weights have been fetched.
            parks: whether the model waits on the host until its turn.
        """
        weights, model = self._weights.of(case), self._prepared.model(case)
        assert weights is not None
        needs = needs_of(model, case.setup, weights.scale) if isinstance(model, type) else NOTHING
        file, path = self._prepared.files[case.model], self._prepared.benchmark_path(case)
        return self._loading(file, weights, case, path, self._prepared.plan.limits, parks=parks, needs=needs)

    def for_floor(self, case: Case) -> Loading:
        """Return a worker, not yet started, that will load the null model."""
        file = self._prepared.files.get(case.model) or find_models()[case.model]
        return self._loading(file, _NO_WEIGHTS, case, None, FLOOR_LIMITS)

    def how_far_ahead(self, case: Case, promised: Callable[[str], Needs]) -> tuple[Until, str]:
        """Return how far the model of a case may load ahead, and why no further (see ``overlap_policy``)."""
        weights, model = self._weights.of(case), self._prepared.model(case)
        assert weights is not None
        assert isinstance(model, type)
        return how_far_ahead(model, case.setup, weights.scale, self._park, promised)

    def _loading(
        self,
        file: ModelFile,
        weights: ResolvedWeights,
        case: Case,
        path: Path | None,
        limits: Limits,
        *,
        parks: bool = False,
        needs: Needs = NOTHING,
    ) -> Loading:
        request = Load(file, case.setup, weights, case, path, limits, parks)
        return Loading(self._new(case.setup), request, self._overlap, needs)

    def _new(self, setup: Setup) -> WorkerProcess:
        self._started += 1
        if self._is_inline:
            return WorkerThread(self._silence_s)
        environment = {
            "OMP_NUM_THREADS": str(setup.threads),
            "TOKENIZERS_PARALLELISM": "false",
            # The weights are on disk by now: a worker that asks the network would time the network.
            "HF_HUB_OFFLINE": "1",
        }
        return WorkerProcess(self._logs / f"worker-{self._started:03}.log", environment, self._silence_s)
