"""The models and benchmarks that the names of a spec stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.discovery import BenchmarkFile
from inference_bench.errors import NotApplicableError, PluginError
from inference_bench.model.discovery import ModelFile
from inference_bench.model.engine.engine import in_engine
from inference_bench.model.model import Model
from inference_bench.plan import Case, Group


@dataclass(frozen=True, slots=True)
class Plugins:
    """What the names of a spec stand for.

    Attributes:
        files: model name → its file.
        models: model name → its class, or why it cannot be used.
        benchmarks: model name → benchmark name → its class, or why it cannot be used.
        benchmark_files: model name → benchmark name → its file.
    """

    files: dict[str, ModelFile]
    models: dict[str, type[Model] | PluginError]
    benchmarks: dict[str, Mapping[str, type[Benchmark] | PluginError]]
    benchmark_files: dict[str, Mapping[str, BenchmarkFile]]

    def benchmark(self, case: Case) -> type[Benchmark]:
        """Return the class that measures a case.

        Raises:
            PluginError: its file cannot be used.
        """
        found = self.benchmarks[case.model][case.benchmark]
        if isinstance(found, PluginError):
            raise found
        return found

    def model(self, place: Case | Group) -> type[Model] | PluginError:
        """Return the class that loads a case's or group's model in the engine of its set-up, or why there is none.

        Where the engine does not apply it is the model's own class, whose cases are refused.
        """
        found = self.models[place.model]
        if isinstance(found, PluginError):
            return found
        try:
            return in_engine(found, place.setup.engine)
        except PluginError as error:
            return error
        except NotApplicableError:
            return found

    def headline(self, case: Case) -> tuple[str, ...]:
        """Return the tags of the headline metrics of a case's benchmark; none if its file cannot be used."""
        found = self.benchmarks.get(case.model, {}).get(case.benchmark)
        return found.headline if isinstance(found, type) else ()

    def benchmark_path(self, case: Case) -> Path | None:
        """Return the file that measures a case, or None for an installed benchmark."""
        return self.benchmark_files[case.model][case.benchmark].path
