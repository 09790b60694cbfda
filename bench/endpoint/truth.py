"""One fault, one client: the server, the client's process, and what the server's own stamps say."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.endpoint.clients import TOKENIZER, Client, Ours, Task
from bench.endpoint.faults import SLOW_MS, STOP_NS, Fault, gaps_ns, whole_answer
from bench.endpoint.report import Report
from inference_bench.endpoint import scripts
from inference_bench.endpoint.server_process import ServerProcess
from inference_bench.machine.process_tree import ProcessTree
from inference_bench.units import NS_PER_S

HELD = Path(__file__).parent / "held"
LIMIT_S = 180
WHOLE = 4
"""Answers without a fault that come first, where the others are failures."""
MANY = 100_000
SHORT = 80
"""Characters of messages that are no prompts of a load: what clients try a server with."""
_BOOK = b"It was a dark and stormy night. The rain fell in torrents, and the wind swept up the streets. " * 2_000
ROUTES = {
    "GET /v1/models": scripts.model_list(),
    "GET /health": scripts.json_answer({}),
    "GET /book": ((0, scripts.head(200, "text/plain", length=len(_BOOK)) + _BOOK),),
    "GET ": scripts.not_found(),
    "POST /tokenize": scripts.not_found(),
}


@dataclass(frozen=True, slots=True)
class Cpus:
    """Where the server and the client run."""

    server: int
    client: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the server saw, in the form of a report, and what the client said."""

    truth: Report
    said: Report


def plant(fault: Fault, client: Client, requests: int, cpus: Cpus, hub: Path) -> Outcome:
    """Run a client against a server with a fault."""
    played, ends = [fault.script], [fault.close]
    if not fault.is_success:  # the first ones go to what clients ask before their load
        played, ends = [whole_answer()] * WHOLE + played * MANY, ["keep"] * WHOLE + ends * MANY
    with ServerProcess(played, close=ends, routes=ROUTES, cpus={cpus.server}) as server:
        root = str(server.address.root)
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            task = Task(root, Path(first), requests, fault.rate)
            said = _run(client, task, fault, server, cpus, hub)
            if fault.twice:
                before = len(server.requests()["request"])
                again = Task(root, Path(second), requests, fault.rate)
                said = _run(client, again, fault, server, cpus, hub)
                return Outcome(_repeated(server, before), said)
        return Outcome(_truth(fault, server), said)


def _run(client: Client, task: Task, fault: Fault, server: ServerProcess, cpus: Cpus, hub: Path) -> Report:
    command = ["taskset", "-c", str(cpus.client), *client.command(task)]
    environment = os.environ | {"HF_HOME": str(hub), "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    if fault.plant == "hold":
        path = [str(HELD), *([str(Path.cwd())] if isinstance(client, Ours) else [])]
        environment |= {"BENCH_HOLD_INTERPRETER": "1", "PYTHONPATH": os.pathsep.join(path)}
    tree = ProcessTree()
    with (task.folder / "output.txt").open("w+") as output:
        started = subprocess.Popen(
            command, env=tree.environment(environment), stdout=output, stderr=output, start_new_session=True
        )
        tree.begin(started.pid)
        try:
            if fault.plant == "stop":
                _stop_for_a_while(started, server, task.requests // 3)
            status = started.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            return Report(says=f"not ended after {LIMIT_S} s")
        finally:
            tree.end(started.pid)
            started.wait()
        output.seek(0)
        last = ([line.strip() for line in output if line.strip()] or [""])[-1]
    try:
        report = client.read(task.folder)
        return report.with_slow(SLOW_MS) if fault.plant == "stop" else report
    except (OSError, KeyError, ValueError, IndexError):
        return Report(says=f"no result, exit status {status}: {last[:120]}")


def _stop_for_a_while(started: subprocess.Popen[bytes], server: ServerProcess, after: int) -> None:
    """Stop all processes of a client for 200 ms once the server has had so many requests."""
    until = time.monotonic() + LIMIT_S
    while len(_played(server)) < after:
        if started.poll() is not None or time.monotonic() > until:
            return
        time.sleep(0.01)
    pids = _tree(started.pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(STOP_NS / NS_PER_S)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def _tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def _truth(fault: Fault, server: ServerProcess) -> Report:
    """Return what the server's stamps say, of the requests that played the script."""
    requests, sends = server.requests(), server.sends()
    ttft, itl = [], []
    played = _played(server, 0 if fault.is_success else WHOLE)
    for request in played:
        of = sends["request"] == request
        at = dict(zip(sends["step"][of].tolist(), sends["sent_ns"][of].tolist(), strict=True))
        times = [at[step] for step in fault.texts if step in at]
        if len(times) < len(fault.texts) or not times:
            continue
        ttft.append((times[0] - requests["received_ns"][request]) / 1e6)
        itl += [gap / 1e6 for gap in gaps_ns(times, list(fault.texts.values()))]
    good, bad = (len(played), 0) if fault.is_success else (WHOLE, len(played))
    return Report(tuple(ttft), tuple(itl), fault.tokens or None, good, bad)


def _played(server: ServerProcess, first: int = 0) -> list[int]:
    """Return the requests that were answered by a script, from the first-th script on, and by no route."""
    script = server.requests()["script"]
    scripts_end = WHOLE + MANY if first else 1
    return [int(index) for index in np.flatnonzero((script >= first) & (script < scripts_end))]


def _repeated(server: ServerProcess, before: int) -> Report:
    """Return how many prompts of the second run are prompts of the first."""
    prompts = {index: _prompt(server, index) for index in _played(server)}
    long = {index: prompt for index, prompt in prompts.items() if len(prompt) > SHORT}
    first = {prompt for index, prompt in long.items() if index < before}
    second = [prompt for index, prompt in long.items() if index >= before]
    repeated = sum(prompt in first for prompt in second)
    return Report(ok=len(second), says=f"{repeated} of {len(second)} prompts are those of the first run")


def _prompt(server: ServerProcess, request: int) -> str:
    """Return the messages of a request, or its body where that is no JSON: sent in chunks, or longer than is kept."""
    body = server.request_bytes(request).partition(b"\r\n\r\n")[2]
    try:
        return json.dumps(json.loads(body)["messages"])
    except ValueError:
        return body.decode(errors="replace")


def make_hub(folder: Path, tokenizer: Path) -> Path:
    """Lay a tokenizer out as the hub's cache has it, under the name ``TOKENIZER``."""
    model = folder / "hub" / f"models--{TOKENIZER.replace('/', '--')}"
    snapshot = model / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("0")
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json", "chat_template.jinja"):
        if (tokenizer / name).exists():
            shutil.copy(tokenizer / name, snapshot)
    return folder
