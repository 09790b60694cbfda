"""A run of MLflow per case, in one experiment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from inference_bench.extras import require
from inference_bench.results.tracker import Tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from inference_bench.results.tracked_case import TrackedCase

_URI, _EXPERIMENT = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"
_STORE = "mlflow.db"
_ID = "inference_bench.id"
_REFUSED = re.compile(r"[^\w\-. /]")
"""What a name may not have in every store."""
_MOST_PARAMETERS, _LONGEST_PARAMETER, _MOST_METRICS = 100, 500, 1000
"""Limits of one request that hold for every version and store."""


class MlflowSink(Tracker):
    """MLflow: one run per case, in `mlflow.db` beside the runs, or where MLFLOW_TRACKING_URI says."""

    settings: ClassVar[dict[str, str]] = {"MLFLOW_DISABLE_TELEMETRY": "true"}

    @classmethod
    def check(cls) -> None:
        """Refuse if MLflow is not installed, or what it needs for a file."""
        require("sink mlflow", ["mlflow", *([] if os.environ.get(_URI) else ["sqlalchemy", "alembic"])])

    def track(self, run: str, cases: Sequence[TrackedCase]) -> None:
        """Write each case into a new run, or into the one that it was written to earlier."""
        from mlflow import MlflowClient

        uri = os.environ.get(_URI) or f"sqlite:///{self.place / _STORE}"
        client = MlflowClient(uri, registry_uri=uri)
        experiment = _experiment(client, os.environ.get(_EXPERIMENT) or "inference_bench")
        for case in cases:
            _write(client, experiment, case)


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _write(client: MlflowClient, experiment: str, case: TrackedCase) -> None:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.utils.time import get_current_time_millis

    tags = {_ID: case.id, **_named(case.tags)}
    found = client.search_runs([experiment], f"tags.`{_ID}` = '{case.id}'", max_results=1)
    of = found[0] if found else client.create_run(experiment, run_name=case.name)
    identity, now_ms = of.info.run_id, get_current_time_millis()
    client.log_batch(identity, tags=[RunTag(name, text) for name, text in tags.items()])
    parameters = {name: text[:_LONGEST_PARAMETER] for name, text in _named(case.parameters).items()}
    for part in _parts([Param(*each) for each in parameters.items()], _MOST_PARAMETERS):
        client.log_batch(identity, params=part)
    for part in _parts([Metric(*each, now_ms, 0) for each in _named(case.metrics).items()], _MOST_METRICS):
        client.log_batch(identity, metrics=part)
    client.set_terminated(identity, "FAILED" if case.has_failed else "FINISHED")


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by names that MLflow accepts."""
    return {_REFUSED.sub("_", name): value for name, value in values.items()}


def _parts(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
