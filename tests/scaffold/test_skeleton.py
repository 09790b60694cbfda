"""``new``: what it writes runs, and nothing is overwritten."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from inference_bench.benchmark.discovery import find_benchmarks, load_benchmark
from inference_bench.cli import main
from inference_bench.errors import InvalidValueError
from inference_bench.model.discovery import ModelFile, load_model
from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.model.engines.transformers.config_file import Config, architecture_of, max_input_length
from inference_bench.model.engines.transformers.reductions import reduced, reductions
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.results.run import Run, load_run
from inference_bench.scaffold.kinds import KINDS_OF_MODELS
from inference_bench.scaffold.skeleton import write_files
from inference_bench.scaffold.trial import trial
from inference_bench.scaffold.verification import verify_models
from inference_bench.spec import Setup
from tests.place_folders import place, write_safetensors

QWEN3_MOE: dict[str, Any] = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "model_type": "qwen3_moe",
    "torch_dtype": "bfloat16",
    "transformers_version": "4.51.0",
    "vocab_size": 151936,
    "hidden_size": 2048,
    "intermediate_size": 5472,
    "moe_intermediate_size": 768,
    "num_hidden_layers": 48,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "norm_topk_prob": True,
    "max_position_embeddings": 262144,
    "mlp_only_layers": [],
    "sliding_window": None,
    "bos_token_id": 151643,
    "eos_token_id": [151645, 151643],
}
ROBERTA: dict[str, Any] = {
    "architectures": ["RobertaModel"],
    "model_type": "roberta",
    "vocab_size": 50265,
    "type_vocab_size": 1,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 514,
    "pad_token_id": 1,
}
QUICK = ("--quick", "--budget", "0.2", "--min-samples", "1", "--warmup", "0")


def ruff(*words: str) -> subprocess.CompletedProcess[str]:
    config = str(Path(__file__).parents[2] / "pyproject.toml")
    return subprocess.run(
        [sys.executable, "-m", "ruff", *words, "--config", config, "."], capture_output=True, text=True, check=False
    )


def measured(output: Path) -> Run:
    (folder,) = output.iterdir()
    return load_run(folder)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, from which this package can be imported by other processes, too."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def no_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting parameters imports torch, which takes seconds; the tests that need no true number do without."""
    monkeypatch.setattr("inference_bench.scaffold.model_facts._built", lambda _, found: (reduced(found), 1))


@pytest.fixture
def tried_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try small forms in this process, which has torch by now; one of their own would import it anew."""

    def built(base: type[TransformersModel], architecture: Config) -> tuple[Config, int]:
        candidates = list(reductions(architecture))
        found = trial(base, architecture, candidates)
        assert found["smallest"] is not None, found["reason"]
        return candidates[found["smallest"]], found["parameters"]

    monkeypatch.setattr("inference_bench.scaffold.model_facts._built", built)


def test_a_new_model_runs_at_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "model", "my_model", "--dir", "plugins"]) == 0
    told = capsys.readouterr().out
    assert [line.strip() for line in told.splitlines()][1:3] == [
        "plugins/my_model/model.py",
        "plugins/my_model/README.md",
    ]
    next_command = told.splitlines()[-1].partition("inference_bench ")[2].split()
    quick = [*QUICK, "--benchmark", "inference_speed", "--input-lengths", "8", "--new-tokens", "2"]

    assert main([*next_command, *quick, "--output", "results", "--quiet"]) == 0
    (result,) = measured(here / "results").results
    model = load_model(ModelFile("my_model", here / "plugins" / "my_model" / "model.py"))
    assert result.status.value == "ok"
    assert model.parameters == 39_592_448
    # The worker says what was really built.
    assert 0 < result.model["parameters"] < model.parameters


@pytest.mark.usefixtures("tried_here")
def test_a_new_encoder_encodes_at_once(here: Path) -> None:
    (here / "config.json").write_text(json.dumps(ROBERTA))
    assert main(["new", "model", "sentences", "--from", "."]) == 0

    model = load_model(ModelFile("sentences", here / "models" / "sentences" / "model.py"))()
    model.load(Setup(), ResolvedWeights("random", "", trained=False, scale="reduced"), LoadSteps())
    encoder: Any = model.encoder()
    assert model.parameters == 124_645_632
    assert tuple(encoder.encode(encoder.prompt(model.max_input_length)).shape) == (1, 256)


@pytest.mark.usefixtures("tried_here")
@pytest.mark.parametrize("kind", KINDS_OF_MODELS)
def test_a_model_of_each_kind_runs_at_once(here: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"my_{kind}"  # of its own: a file is imported once in a process
    assert main(["new", "model", name, "--kind", kind]) == 0
    next_command = capsys.readouterr().out.splitlines()[-1].partition("inference_bench ")[2].split()
    assert (ruff("check").returncode, ruff("format", "--check").returncode) == (0, 0)
    (verified,) = verify_models([here / "models"], [name])
    assert (verified.model, verified.findings) == (name, ())

    words = ["--benchmark", "inference_speed", *QUICK, "--isolation", "inline", "--quiet", "--output", "results"]
    code = main([*next_command, *words])
    failures = [result.failure for result in measured(here / "results").results if result.failure]
    assert (code, failures) == (0, [])


def test_a_bare_model_runs_at_once(here: Path) -> None:
    assert main(["new", "model", "engine", "--bare"]) == 0
    words = ["--models-dir", "models", "--model", "engine", "--benchmark", "inference_speed", *QUICK]
    assert main(["run", *words, "--input-lengths", "8", "--quiet", "--output", "results"]) == 0
    assert [result.status.value for result in measured(here / "results").results] == ["ok"]


@pytest.mark.parametrize("function", [False, True], ids=["class", "function"])
def test_a_new_benchmark_runs_at_once(here: Path, function: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "benchmark", "prompt_time", *(["--function"] if function else [])]) == 0
    next_command = capsys.readouterr().out.splitlines()[-1].partition("inference_bench ")[2].split()

    assert main([*next_command, *QUICK, "--output", "results", "--quiet"]) == 0
    results = measured(here / "results").results
    assert {result.case.benchmark for result in results} == {"prompt_time"}
    assert {summary.metric for result in results for summary in result.summaries} == {"call_time"}


@pytest.mark.usefixtures("no_counting")
def test_what_is_written_is_clean(here: Path) -> None:
    (here / "config.json").write_text(json.dumps(QWEN3_MOE))
    assert main(["new", "model", "a_model_with_a_rather_long_name", "--from", "config.json"]) == 0
    write_safetensors(here / "model.safetensors", a=(2,))
    assert main(["new", "model", "with_weights", "--from", "."]) == 0
    assert main(["new", "model", "engine", "--bare"]) == 0
    assert main(["new", "benchmark", "one", "--dir", "more"]) == 0
    assert main(["new", "benchmark", "two", "--dir", "more", "--function"]) == 0

    checked, formatted = ruff("check"), ruff("format", "--check")
    assert (checked.returncode, checked.stdout) == (0, "All checks passed!\n")
    assert formatted.returncode == 0, formatted.stdout


@pytest.mark.usefixtures("no_counting")
def test_a_model_says_what_its_configuration_says(here: Path) -> None:
    (here / "config.json").write_text(json.dumps(QWEN3_MOE))
    assert main(["new", "model", "coder", "--from", "config.json", "--dir", "m"]) == 0

    model: Any = load_model(ModelFile("coder", here / "m" / "coder" / "model.py"))
    assert (model.title, model.license, model.max_input_length) == ("Coder", "unknown", 262144)
    assert (model.hub, model.local, model.published_dtype) == (None, "", "bfloat16")
    assert model.architecture == architecture_of(QWEN3_MOE)
    assert model.config("reduced") == {**architecture_of(QWEN3_MOE), **reduced(architecture_of(QWEN3_MOE))}


@pytest.mark.usefixtures("no_counting")
@pytest.mark.parametrize("home", ["", "."])
def test_a_model_remembers_the_folder_of_its_weights(
    here: Path, home: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(here / home) if home else "/nowhere")
    folder = place(here / "my weights")
    assert main(["new", "model", "mine", "--from", "./my weights"]) == 0
    assert capsys.readouterr().out.endswith("run --models-dir models --model mine\n")

    model = load_model(ModelFile("mine", here / "models" / "mine" / "model.py"))
    assert model.local == ("~/my weights" if home else str(folder))
    assert resolve_weights(model, Setup(), print).path == folder


def test_the_storage_of_weights_is_no_architecture() -> None:
    assert set(QWEN3_MOE) - set(architecture_of(QWEN3_MOE)) == {"architectures", "torch_dtype", "transformers_version"}


def test_a_reduced_model_keeps_what_its_layers_rely_on() -> None:
    kinds = ["linear_attention"] * 5 + ["full_attention"]
    config = {**QWEN3_MOE, "num_hidden_layers": 12, "layer_types": kinds * 2}
    small = {**config, **reduced(config)}

    assert small["num_attention_heads"] % small["num_key_value_heads"] == 0
    assert small["head_dim"] == config["head_dim"]
    assert small["num_experts_per_tok"] < small["num_experts"]
    assert small["layer_types"] == ["linear_attention"] * 3 + ["full_attention"]
    assert small["num_hidden_layers"] == 4
    assert max(small["bos_token_id"], *small["eos_token_id"]) < small["vocab_size"]


def test_widths_follow_the_heads_where_no_head_size_is_stated() -> None:
    small = reduced({"hidden_size": 576, "num_attention_heads": 9, "num_key_value_heads": 3, "intermediate_size": 1536})

    assert small == {"hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 1, "intermediate_size": 672}


def test_a_model_without_positions_gets_a_finite_length() -> None:
    assert (max_input_length({"n_positions": 1024}), max_input_length({})) == (1024, 2048)


def test_lengths_are_clipped_to_the_models_positions(here: Path, no_counting: None) -> None:
    (here / "config.json").write_text(json.dumps({**QWEN3_MOE, "max_position_embeddings": 256}))
    assert main(["new", "model", "short", "--from", "."]) == 0

    file = ModelFile("short", here / "models" / "short" / "model.py")
    axes = {axis.name: axis.default for axis in load_benchmark(find_benchmarks(file)["inference_speed"]).axes}
    assert axes["input_length"] == (128, 224)


def test_a_models_own_benchmark_lands_in_its_folder(here: Path) -> None:
    assert main(["new", "model", "engine", "--bare", "--dir", "m"]) == 0
    words = ["--model", "engine", "--models-dir", "m"]
    assert main(["new", "benchmark", "inference_speed", *words]) == 0
    assert main(["new", "benchmark", "answers", *words, "--kind", "unit"]) == 0

    found = find_benchmarks(ModelFile("engine", here / "m" / "engine" / "model.py"))
    assert found["inference_speed"].path == here / "m/engine/benchmarks/performance/benchmark_inference_speed.py"
    assert load_benchmark(found["answers"]).suites == ("accuracy", "full")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["model", "Qwen3-0.6B"], ["'Qwen3-0.6B'", "Try qwen3_0_6b"]),
        (["model", "null"], ["'null'", "a new name", "null/model.py"]),
        (["model", "m", "--from", "./nowhere"], ["'./nowhere'", "nothing is there"]),
        (["model", "m", "--from", "nowhere"], ["'nowhere'", "a config.json, a folder with config.json", "owner/name"]),
        (["model", "m", "--from", "nowhere.json"], ["nowhere.json", "readable config.json"]),
        (["model", "m", "--from", "list.json"], ["a JSON object"]),
        (["model", "m", "--from", "vision.json"], ["'ViTModel'", "--bare"]),
        (["model", "m", "--from", "empty.json"], ["model_type"]),
        (["model", "m", "--kind", "visoin"], ["unknown kind of model 'visoin'", "did you mean 'vision'"]),
        (["model", "m", "--kind", "vision", "--from", "."], ["--kind vision", "Leave it out"]),
        (["model", "m", "--kind", "call", "--from", "."], ["--from", "belongs to a model of transformers"]),
        (["model", "m", "--bare", "--from", "."], ["--from", "belongs to a model of transformers"]),
        (["models", "m"], ["unknown kind 'models'", "did you mean 'model'"]),
        (["benchmark", "b", "--bare"], ["--bare", "belongs to a model"]),
        (["benchmark", "b", "--model", "nul"], ["unknown model 'nul'", "did you mean 'null'"]),
        (["benchmark", "b", "--model", "null", "--kind", "units"], ["unknown kind 'units'", "'unit'"]),
        (["benchmark", "b", "--model", "null", "--dir", "d"], ["--dir", "Leave --dir out"]),
        (["benchmark", "memory_usage"], ["'memory_usage'", "With --model M"]),
        (["model", "none", "--bare"], ["'none'", "no word of Python", "none_model"]),
        (["benchmark", "import", "--function"], ["'import'", "import_benchmark"]),
        (["benchmark", "2nd"], ["'2nd'", "a letter first"]),
    ],
    ids=lambda value: " ".join(value[:4]) if isinstance(value, list) else None,
)
def test_what_cannot_be_written_is_refused(
    here: Path, words: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "list.json").write_text("[]")
    (here / "empty.json").write_text("{}")
    (here / "vision.json").write_text('{"model_type": "vit", "architectures": ["ViTModel"]}')
    before = sorted(here.rglob("*"))

    assert main(["new", *words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert [part for part in parts if part not in error] == [], error
    assert sorted(here.rglob("*")) == before


def test_nothing_is_overwritten(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = here / "models" / "engine" / "README.md"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")

    assert main(["new", "model", "engine", "--bare"]) == 2
    assert "models/engine/README.md" in capsys.readouterr().err
    assert (kept.read_text(), list(kept.parent.iterdir())) == ("mine", [kept])


def test_an_architecture_that_transformers_does_not_know_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "config.json").write_text('{"model_type": "no_such_architecture"}')

    assert main(["new", "model", "m", "--from", "."]) == 2
    error = capsys.readouterr().err
    assert "got 'no_such_architecture', expected an architecture that the installed transformers has" in error
    assert not (here / "models").exists()


def test_a_skeleton_refuses_an_unusable_folder(here: Path) -> None:
    (here / "models").write_text("a file")

    with pytest.raises(InvalidValueError, match="one that can be written"):
        write_files(here / "models", {"model.py": ""})


FILES = [{"rfilename": "README.md"}, {"rfilename": "config.json"}]


class Hub(BaseHTTPRequestHandler):
    """The part of the hub's HTTP interface that a configuration takes."""

    commit = "0123456789abcdef0123456789abcdef01234567"
    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/"):
            about = {"id": "owner/coder", "sha": self.commit, "siblings": FILES, "cardData": {"license": "apache-2.0"}}
            self._answer(json.dumps(about))
        elif self.path.endswith("README.md"):
            self._answer("---\nlicense: apache-2.0\n---\n")
        else:
            self._answer(json.dumps(QWEN3_MOE))

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, text: str) -> None:
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("ETag", f'"{len(text)}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HOME", str(here / "hf"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield Hub
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("no_counting")
def test_the_hub_says_what_a_model_is(here: Path, hub: type[Hub]) -> None:
    assert main(["new", "model", "coder", "--from", "owner/coder"]) == 0

    model: Any = load_model(ModelFile("coder", here / "models" / "coder" / "model.py"))
    assert (model.hub.repo_id, model.hub.revision, model.license) == ("owner/coder", hub.commit, "apache-2.0")
    assert model.architecture["num_experts"] == 128


@pytest.mark.usefixtures("no_counting")
def test_a_hub_that_refuses_is_told_with_the_way_out(
    here: Path, hub: type[Hub], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hub, "status", 404)

    assert main(["new", "model", "coder", "--from", "owner/coder"]) == 2
    error = capsys.readouterr().err
    assert "hub owner/coder" in error
    assert "Or give a folder" in error
    assert not (here / "models").exists()
