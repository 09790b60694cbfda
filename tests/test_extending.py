"""What CONTRIBUTING promises: a thing of each kind is added by one file, or one entry of a table, and is then used.

A file stands in a scratch folder that the package of its kind is searched in as well: what putting it there would do.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import inference_bench
from inference_bench import plugins
from inference_bench.cli import main
from inference_bench.machine.device import check_device, free_bytes
from inference_bench.metrics import METRICS, Better, Metric
from inference_bench.spec import Limits, Setup

MODEL = """
from inference_bench import Model, TextGenerator
{imports}

class Plugin({base}):
    title = "Own"
    description = "of a test"
    license = "Apache-2.0"
    max_input_length = 64
    needs_weights = False
    devices = ("cpu", "own_device")
    abilities = ("generate",)

    def unload(self): ...
    def generator(self): return Generator()
{load}

class Generator(TextGenerator):
    def prompt(self, length): return [0] * length
    def prefill(self, prompt): return 0
    def decode(self): return 0
    def generate(self, prompt, new_tokens): return [0] * new_tokens
"""
LOAD = "    def load(self, setup, weights, steps): ...\n"

BENCHMARK = """
from inference_bench import Benchmark

class OwnBenchmark(Benchmark):
    title = "Own"

    def measure(self, model, case, measurement):
        for iteration in measurement.repetitions(3):
            iteration.record("{metric}", model.generator().prefill([1]) + 7)
"""

ENGINE = """
from inference_bench.model.model import Model

class OwnEngine(Model):
    def load(self, setup, weights, steps):
        with steps.step("own engine"):
            pass
"""

SINK = """
from inference_bench.results.sink import Sink

class OwnSink(Sink):
    def begin(self, record): (self.folder / "own.txt").write_text("")

    def write(self, result, record):
        with (self.folder / "own.txt").open("a") as file:
            print(result.case.benchmark, file=file)
"""

REPORT = """
from inference_bench.reports._report import Report

class OwnReport(Report):
    \"\"\"One word per case.\"\"\"

    def render(self, run, stream):
        stream.write(" ".join(result.status.value for result in run.results))
"""

DEVICE = """
from inference_bench.machine.device import Device, FoundDevice

class OwnDevice(Device):
    \"\"\"A device of a test.\"\"\"

    def find(self): return [FoundDevice("own_device:0", "the only one")]
    def check(self, index): ...
    def free_bytes(self, index): return 12345
"""

COMMAND = """
from inference_bench.cli._command import Command

class OwnCommand(Command):
    \"\"\"Say something.\"\"\"

    def add_arguments(self, parser): parser.add_argument("word")

    def run(self, args):
        print(args.word.upper())
        return 0
"""


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Return a function that adds a file to a package."""

    def add_file(package: str, name: str, text: str) -> None:
        folder = tmp_path / package
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        module = import_module(package)
        monkeypatch.setattr(module, "__path__", [*module.__path__, str(folder)])

    before = set(sys.modules)
    yield add_file
    for name in set(sys.modules) - before:
        if name.startswith("inference_bench._plugins.") or name.rpartition(".")[2].startswith("own"):
            del sys.modules[name]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that adds an entry point, as an installed distribution does."""
    points: list[EntryPoint] = []
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point for point in points if point.group == group])
    monkeypatch.syspath_prepend(tmp_path)

    def add_point(group: str, name: str, text: str) -> None:
        module = f"own_distribution_{len(points)}"
        (tmp_path / f"{module}.py").write_text(text)
        points.append(EntryPoint(name, module, group))

    return add_point


@pytest.fixture
def models(tmp_path) -> Path:
    return write_model(tmp_path / "models", MODEL.format(imports="", base="Model", load=LOAD))


def write_model(folder: Path, text: str) -> Path:
    (folder / "own").mkdir(parents=True)
    (folder / "own" / "model.py").write_text(text)
    return folder


def run(tmp_path, models, *benchmarks: str, **options) -> inference_bench.Run:
    limits = Limits(min_samples=30, budget_ns=1, warmup_iterations=0)
    runner = inference_bench.BenchmarkRunner(
        ["own"],
        benchmarks=benchmarks or ("inference_speed",),
        axes={} if benchmarks else {"input_length": [4], "new_tokens": [2]},
        limits=limits,
        models_dirs=[models],
        output=tmp_path / "results",
        isolation="inline",
        **options,
    )
    return runner.run().run


def listed(capsys, kind: str, *options: str) -> str:
    assert main(["list", kind, *options]) == 0
    return capsys.readouterr().out


def test_a_model_is_one_folder(tmp_path, models, capsys):
    assert "own" in listed(capsys, "models", "--models-dir", str(models))
    assert [result.status.value for result in run(tmp_path, models).results] == ["ok"]


def test_an_engine_is_one_file(tmp_path, add):
    add("inference_bench.model.engines", "own_engine", ENGINE)
    imports = "from inference_bench.model.engines.own_engine import OwnEngine"
    models = write_model(tmp_path / "models", MODEL.format(imports=imports, base="OwnEngine", load=""))

    (result,) = run(tmp_path, models).results

    assert "own engine" in str(result.workers)


@pytest.mark.parametrize("way", ["file", "entry point"])
def test_a_benchmark_is_one_file(tmp_path, models, add, install, capsys, way):
    text = BENCHMARK.format(metric="call_time")
    if way == "file":
        add("inference_bench.benchmarks", "own_benchmark", text)
    else:
        install("inference_bench.benchmarks", "own_benchmark", text)

    assert "own_benchmark" in listed(capsys, "benchmarks")
    (result,) = run(tmp_path, models, "own_benchmark").results
    assert result.summaries[0].headline.value == 7


def test_a_metric_is_one_entry(tmp_path, models, add, monkeypatch, capsys):
    own = Metric("own_metric", "own", "ns", Better.LOWER, "what the test says", "the test")
    monkeypatch.setitem(METRICS, own.tag, own)
    add("inference_bench.benchmarks", "own_benchmark", BENCHMARK.format(metric=own.tag))

    assert "what the test says" in listed(capsys, "metrics")
    (result,) = run(tmp_path, models, "own_benchmark").results
    assert [summary.metric for summary in result.summaries] == ["own_metric"]


@pytest.mark.parametrize("way", ["file", "entry point"])
def test_a_sink_is_one_file(tmp_path, models, add, install, capsys, way):
    if way == "file":
        add("inference_bench.results.sinks", "own_sink", SINK)
    else:
        install("inference_bench.sinks", "own_sink", SINK)

    assert "own_sink" in listed(capsys, "sinks")
    folder = run(tmp_path, models).folder
    assert (folder / "own.txt").read_text() == "inference_speed\n"


@pytest.mark.parametrize("way", ["file", "entry point"])
def test_a_report_is_one_file(tmp_path, models, add, install, capsys, way):
    if way == "file":
        add("inference_bench.reports", "own_report", REPORT)
    else:
        install("inference_bench.reports", "own_report", REPORT)

    assert "One word per case" in listed(capsys, "formats")
    folder = run(tmp_path, models).folder
    assert main(["report", str(folder), "--format", "own_report"]) == 0
    assert capsys.readouterr().out.strip() == "ok"


@pytest.mark.parametrize("way", ["file", "entry point"])
def test_a_command_is_one_file(add, install, capsys, way):
    if way == "file":
        add("inference_bench.cli", "own_command", COMMAND)
    else:
        install("inference_bench.cli", "own_command", COMMAND)

    assert main(["--help"]) == 0
    assert "own_command    Say something" in capsys.readouterr().out
    assert main(["own_command", "word"]) == 0
    assert capsys.readouterr().out == "WORD\n"


@pytest.mark.parametrize("way", ["file", "entry point"])
def test_a_device_is_one_file(tmp_path, models, add, install, capsys, way):
    if way == "file":
        add("inference_bench.machine.devices", "own_device", DEVICE)
    else:
        install("inference_bench.devices", "own_device", DEVICE)

    assert "own_device:0 (the only one)" in listed(capsys, "devices")
    check_device("own_device:0")
    assert free_bytes("own_device") == 12345
    (result,) = run(tmp_path, models, setups=[Setup(device="own_device:0")]).results
    assert result.status.value == "ok"
