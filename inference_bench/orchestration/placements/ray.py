"""A Ray cluster: each node is held by an actor that takes all its CPUs, and starts shares in fresh processes there.

Start nodes with ``--resources '{"inference_bench": 1}'`` so that only sweeps of this package get them as a whole; nodes
without it are held by their CPUs.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.extras import needed_by
from inference_bench.orchestration.placement.placement import NodeLostError, Placement
from inference_bench.orchestration.placement.share_process import EXIT
from inference_bench.orchestration.placements import _node_runner
from inference_bench.orchestration.placements._cluster_address import ADVICE, AUTO, check_cluster_address, cluster_at
from inference_bench.orchestration.placements._node_runner import NodeRunner, versions_here
from inference_bench.units import counted

RESOURCE = "inference_bench"
_HOLD_S = 60.0
_ID_DIGITS = 6


class RayPlacement(Placement):
    """Nodes of a Ray cluster."""

    def __init__(self, address: str = "") -> None:
        super().__init__(address)
        self._nodes: dict[str, Mapping[str, Any]] = {}
        self._runners: dict[str, Any] = {}

    async def open(self, count: int | None) -> Sequence[str]:
        """Connect, and hold the nodes: all CPUs of each, and its resource ``inference_bench`` if it has one."""
        with needed_by("--on ray"):
            import ray
        self._connect(ray)
        found = _named([node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")])
        if not found or (count or 0) > len(found):
            given, expected = count or "all", f"at most the {counted(len(found), 'node')} of the cluster"
            raise InvalidValueError("--nodes", given, expected, f"Its nodes: {', '.join(found) or 'none'}.")
        self._nodes = dict(list(found.items())[:count])
        ray.cloudpickle.register_pickle_by_value(_node_runner)
        self._runners = {name: _runner(ray, node) for name, node in self._nodes.items()}
        problems = await asyncio.gather(*(self._problem(name) for name in self._nodes))
        if any(problems):
            raise UsageError(f"{'; '.join(filter(None, problems))}. {_SAME}")
        return list(self._nodes)

    def _connect(self, ray: Any) -> None:
        """Connect to the cluster.

        Raises:
            UsageError: the address does not answer.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        given = "--on" if self.address else "RAY_ADDRESS"
        address = f"ray://{self.address}" if self.address else os.environ.get("RAY_ADDRESS") or AUTO
        check_cluster_address(address, given)
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise UsageError(f"{cluster_at(address)} {_refusal(error)}") from error

    async def _problem(self, name: str) -> str:
        """Wait until a node is held; return why it is not, or what its versions are if this process has others."""
        import ray

        try:
            theirs = await asyncio.wait_for(_answer(self._runners[name].describe.remote()), _HOLD_S)
        except TimeoutError:
            return f"node {name} is busy: after {_HOLD_S:g} s other work still holds its CPUs"
        except ray.exceptions.RayError as error:
            return f"node {name} is lost: {_first_line(error)}"
        ours = versions_here()
        different = [f"{what} {theirs[what]} (here {ours[what]})" for what in ours if theirs[what] != ours[what]]
        return f"node {name} has {', '.join(different)}" if different else ""

    async def carry_out(self, request: str, node: str) -> AsyncGenerator[str, None]:
        """Carry out a share on a node."""
        import ray

        runner = self._runners[node]
        try:
            await _answer(runner.start.remote(request))
            while (line := await _answer(runner.next_line.remote())) is not None:
                yield line
        except ray.exceptions.RayActorError as error:
            if not await self._is_held_again(node):
                raise NodeLostError(_first_line(error)) from error
            said = f"Ray's process on the node died: {_first_line(error)}"
            yield json.dumps({"event": EXIT, "code": None, "said": said})
        finally:
            runner.end.remote()

    async def _is_held_again(self, name: str) -> bool:
        """Return whether a node lives whose actor has died, and hold it again.

        The cluster notices only after some seconds that a node is dead; a new actor that answers is the proof that it
        is not.
        """
        import ray

        identity = self._nodes[name]["NodeID"]
        if not any(node["Alive"] and node["NodeID"] == identity for node in ray.nodes()):
            return False
        runner = _runner(ray, self._nodes[name])
        try:
            await asyncio.wait_for(_answer(runner.describe.remote()), _HOLD_S)
        except (TimeoutError, ray.exceptions.RayError):
            return False
        self._runners[name] = runner
        return True

    async def close(self) -> None:
        """Give the nodes back, and end what runs there."""
        if self._nodes:
            import ray

            for runner in self._runners.values():
                ray.kill(runner)
            ray.shutdown()


_SAME = "Expected nodes of their own for this sweep, with the same Python and the same inference_bench as here."
_QUOTED = 300


def _refusal(error: Exception) -> str:
    """Return what a cluster says that does not take this process, and what to do."""
    said = " ".join(str(error).split())[:_QUOTED]
    if "ersion mismatch" in said:
        return f"runs other versions ({said}). {_SAME}"
    return f"does not answer ({said}). {ADVICE}"


def _named(nodes: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return name → node, by name: the host's, with the beginning of the node's id where several are on one host."""
    hosts = Counter(node["NodeManagerHostname"] for node in nodes)

    def name(node: Mapping[str, Any]) -> str:
        host = str(node["NodeManagerHostname"])
        return host if hosts[host] == 1 else f"{host}-{node['NodeID'][:_ID_DIGITS]}"

    return {name(node): node for node in sorted(nodes, key=name)}


def _runner(ray: Any, node: Mapping[str, Any]) -> Any:
    """Return an actor that holds a node."""
    resources = node["Resources"]
    where = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return (
        ray.remote(NodeRunner)
        .options(
            num_cpus=resources["CPU"],
            resources={RESOURCE: 1} if resources.get(RESOURCE) else {},
            scheduling_strategy=where,
            max_restarts=0,
        )
        .remote()
    )


async def _answer(reference: Any) -> Any:
    """Wait for an object of Ray."""
    return await reference


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
