"""A sweep: shares handed to nodes until each has ended, whichever nodes die meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from inference_bench.calibration import CalibrationPlan
from inference_bench.errors import InvalidValueError, StorageError, UsageError
from inference_bench.orchestration.catching_up import patiently
from inference_bench.orchestration.fleet import calibrate_nodes, judged, taking_part, tell_fleet, with_fitting_copies
from inference_bench.orchestration.placement.code_folder import code_folder
from inference_bench.orchestration.placement.placement import NodeLostError, Placement
from inference_bench.orchestration.placement.process_end import FAILED, REFUSED, how_it_ended
from inference_bench.orchestration.placement.scratch import scratch_folder
from inference_bench.orchestration.placement.share import Share, ShareRequest
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.together import together
from inference_bench.provenance.record import Provenance
from inference_bench.results.run_folder import RECORD, locked
from inference_bench.results.serialization import plain
from inference_bench.results.storage import Folder, StoredPath
from inference_bench.results.sweep_file import (
    Attempt,
    NodeRecord,
    ShareRecord,
    ShareStatus,
    SweepRecord,
    driver_of,
    write_sweep,
)
from inference_bench.results.sweep_runs import delete_leftovers, share_places, share_tags, stored_share
from inference_bench.units import counted

T = TypeVar("T")

MOST_ATTEMPTS = 3
"""A share whose process was killed this often is given up: it is the share that kills it."""
_DIGITS = 12
"""Of a digest, as messages show it."""


class ForeignSweepError(UsageError):
    """A sweep that another process carries out."""


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """What all shares of a sweep have in common, as for ``run_benchmarks``.

    ``copies`` are those that were asked for: with fewer nodes the sweep is refused. None takes as many as there are.
    """

    models_dirs: Sequence[Path] = ()
    benchmarks_dirs: Sequence[Path] = ()
    force: bool = False
    marks: Provenance = field(default_factory=Provenance)
    argv: Sequence[str] = ()
    copies: int | None = None


class Sweep:
    """Hands the shares of a sweep to nodes.

    Args:
        folder: of the sweep, on disk or on a store.
        record: what is to be done, and what has been done.
        request: what the shares have in common.
        placement: carries shares out.
        progress: is told what happens.

    Raises:
        InvalidValueError: a folder of code that is too large to be sent, or has changed since the sweep began.
    """

    def __init__(
        self, folder: Folder, record: SweepRecord, request: SweepRequest, placement: Placement, progress: Progress
    ) -> None:
        self.folder = folder
        self._models, self._benchmarks = (
            [code_folder(path) for path in paths] for paths in (request.models_dirs, request.benchmarks_dirs)
        )
        sources = {of.path: of.digest for of in (*self._models, *self._benchmarks)}
        _check_sources(record, sources, force=request.force)
        self._marks = replace(record.marks or request.marks, code=request.marks.code, sources=sources)
        self.record = replace(record, driver=secrets.token_hex(8), marks=self._marks)
        self._former_driver = record.driver
        self._request = request
        self._placement = placement
        self._progress = progress
        self._changed = asyncio.Condition()
        self._writing = asyncio.Lock()
        self._busy: set[int] = set()
        self._over = {number for number, share in enumerate(record.shares) if share.status is ShareStatus.ENDED}
        self._failures: Counter[int] = Counter()
        self._refusals: defaultdict[int, set[str]] = defaultdict(set)

    async def carry_out(self, nodes: Sequence[str]) -> SweepRecord:
        """Carry out what is pending, one share at a time on each node; return what became of all.

        Raises:
            InvalidValueError: another process of this machine carries out this sweep, or more copies were asked for
                than nodes take part.
            ForeignSweepError: one of another machine does.
            StorageError: the store does not answer for minutes, or refuses for good.
        """
        place = self.folder if isinstance(self.folder, Path) else scratch_folder(self.record.id)
        with locked(place, "sweep", str(self.folder)):
            await self._patiently(self._write)
            shares = counted(len(self._waiting()), "share")
            self._progress.message(f"{shares} for {counted(len(nodes), 'node')}, into {self.folder}")
            nodes = await self._calibrated(nodes)
            await together(self._serve(node) for node in nodes)
            await self._patiently(self._write)
            await self._patiently(lambda: delete_leftovers(self.folder, self.record))
        return self.record

    async def _calibrated(self, nodes: Sequence[str]) -> Sequence[str]:
        """Calibrate the nodes that are not yet, if that was asked for; return those that take part.

        Raises:
            InvalidValueError: they are fewer than the copies that were asked for.
        """
        plan = self.record.calibration
        if plan is None:
            return nodes
        fresh = [node for node in nodes if node not in self.record.calibrations]
        await calibrate_nodes(fresh, plan, self._placement, self._progress, self._know)
        self.record = judged(self.record)
        await self._store()
        if fresh:
            tell_fleet(self.record, self._progress)
        used = taking_part(self.record, nodes)
        self.record = with_fitting_copies(self.record, self._request.copies, len(used), self._progress)
        return used

    async def _know(self, node: NodeRecord) -> None:
        """Record what is known of a node."""
        others = (of for of in self.record.nodes if of.node != node.node)
        self.record = replace(self.record, nodes=tuple(sorted((*others, node), key=lambda of: of.node)))
        await self._store()

    async def _serve(self, node: str) -> None:
        """Take shares for a node until none is left, or the node is."""
        while (number := await self._next(node)) is not None:
            share = self.record.shares[number]
            self._progress.message(f"{node}: {share.block} ({number + 1} of {len(self.record.shares)} shares)")
            try:
                ended, attempt = await self._on(node, number)
            except NodeLostError as error:
                await self._end(number, share, Attempt(node, ShareStatus.NODE_LOST, str(error)))
                self._progress.warn(f"{node} is lost, its share goes to another node: {error}")
                return
            except StorageError as error:
                ended, attempt = share, Attempt(node, ShareStatus.FAILED, str(error))
            await self._end(number, ended, attempt)
            if attempt.cause:
                self._progress.warn(f"{node}: {share.block}: {attempt.cause}")

    async def _next(self, node: str) -> int | None:
        """Wait for a share that this node may take; None if all are over."""
        async with self._changed:
            while True:
                shares = self.record.shares
                waiting = [number for number in self._waiting() if node not in self._refusals[number]]
                if waiting:
                    # Rather a block that this node has not measured: copies are there to see how nodes differ.
                    done = {shares[number].block for number in self._over if shares[number].node == node}
                    number = min(waiting, key=lambda number: (shares[number].block in done, number))
                    self._busy.add(number)
                    return number
                if not self._busy:
                    return None
                await self._changed.wait()

    def _waiting(self) -> list[int]:
        return [number for number in range(len(self.record.shares)) if number not in self._busy | self._over]

    async def _end(self, number: int, share: ShareRecord, attempt: Attempt) -> None:
        """Record how a share ended on a node, and whether it is over: ended, or failed too often.

        Another node may have what the one that refuses it lacks, so each is asked once.
        """
        async with self._changed:
            share = replace(share, status=attempt.status, node=attempt.node, attempts=(*share.attempts, attempt))
            shares = tuple(share if place == number else old for place, old in enumerate(self.record.shares))
            self.record = replace(self.record, shares=shares)
            self._busy.discard(number)
            self._failures[number] += attempt.status is ShareStatus.FAILED
            if attempt.status is ShareStatus.REFUSED:
                self._refusals[number].add(attempt.node)
            if attempt.status is ShareStatus.ENDED or self._failures[number] >= MOST_ATTEMPTS:
                self._over.add(number)
            self._changed.notify_all()
        await self._store()

    async def _on(self, node: str, number: int) -> tuple[ShareRecord, Attempt]:
        """Carry out a share on a node; return what is known of it then, and how that ended.

        Raises:
            NodeLostError: the node has died.
            StorageError: the store does not answer for minutes.
        """
        share = self.record.shares[number]
        request = await self._request_for(share, node, number)
        found: dict[str, Any] = {}
        async with aclosing(self._placement.carry_out(json.dumps(plain(request)), node)) as lines:
            async for line in lines:
                event = json.loads(line)
                found[event["event"]] = event
                self._tell(node, event)
        ended = found.get("ended", {})
        share = replace(share, run=ended.get("run", share.run), cases=ended.get("cases", share.cases))
        return share, _attempt(node, found)

    async def _request_for(self, share: ShareRecord, node: str, number: int) -> ShareRequest:
        common = self._request
        tags = share_tags(self.record.id, node, number)
        output = self.folder
        if isinstance(output, StoredPath):
            output = stored_share(output, node, number)
        resume = await self._patiently(lambda: self._begun(node, number))
        return ShareRequest(
            spec=share.spec,
            output=str(output),
            resume=resume,
            scratch=f"{self.record.id}/{number:03}-{node}",
            cwd=os.getcwd(),
            models_dirs=self._models,
            benchmarks_dirs=self._benchmarks,
            force=common.force,
            marks=replace(self._marks, tags={**self._marks.tags, **tags}),
            argv=common.argv,
        )

    def _begun(self, node: str, number: int) -> str | None:
        """Return the run of a share that a process on the same node began."""
        if isinstance(self.folder, StoredPath):
            stored = stored_share(self.folder, node, number)
            return str(stored) if (stored / RECORD).is_file() else None
        places = share_places(self.folder, self.record)
        return next((str(place.folder) for place in places if (place.node, place.number) == (node, number)), None)

    def _tell(self, node: str, event: dict[str, Any]) -> None:
        if event["event"] == "case_ended":
            self._progress.message(f"{node}: {event['slug']}: {event['status']}")
        elif event["event"] == "warning":
            self._progress.warn(f"{node}: {event['text']}")

    async def _store(self) -> None:
        """Write what is known; a store that does not answer gets it later.

        Raises:
            ForeignSweepError: another process carries out this sweep.
        """
        async with self._writing:
            try:
                await asyncio.to_thread(self._write)
            except StorageError as error:
                self._progress.warn(f"{error} The state of the sweep is stored later.")

    def _write(self) -> None:
        """Write what is known, unless another process has written it since this one did.

        Raises:
            ForeignSweepError: it has.
            StorageError: the store cannot be reached or refuses.
        """
        if driver_of(self.folder) not in ("", self._former_driver, self.record.driver):
            raise ForeignSweepError(
                f"{self.folder}: another process carries out this sweep now, expected one at a time. This one stops; "
                "what it has stored is kept."
            )
        write_sweep(self.folder, self.record)
        self._former_driver = self.record.driver

    async def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask the store until it answers.

        Raises:
            StorageError: it does not for minutes, or refuses for good.
        """
        return await patiently(lambda: asyncio.to_thread(ask), self._progress.warn)


def new_sweep(
    identity: str,
    on: str,
    shares: Sequence[ShareRecord],
    *,
    seed: int,
    copies: int,
    calibration: CalibrationPlan | None = None,
) -> SweepRecord:
    """Return a sweep that begins now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return SweepRecord(identity, now, on, seed, copies, tuple(shares), calibration=calibration)


def _attempt(node: str, found: dict[str, Any]) -> Attempt:
    """Return how a share ended, by the last events of its process."""
    if REFUSED in found:
        return Attempt(node, ShareStatus.REFUSED, how_it_ended(found))
    ended = None if FAILED in found else found.get("ended")
    if ended is not None and ended["finished"]:
        failure = ended["sink_failure"]
        return Attempt(node, ShareStatus.FAILED if failure else ShareStatus.ENDED, failure)
    return Attempt(node, ShareStatus.FAILED, how_it_ended(found))


def _check_sources(record: SweepRecord, sources: Mapping[str, str], *, force: bool) -> None:
    """Refuse to go on with other code than a sweep began with.

    Raises:
        InvalidValueError: it has changed, or its folders are not named, and this was not forced.
    """
    before = sources if record.marks is None else record.marks.sources
    if force or sorted(before.values()) == sorted(sources.values()):
        return
    advice = "Name those folders, unchanged (--models-dir, --benchmarks-dir), or go on with other code by --force."
    raise InvalidValueError("code of models and benchmarks", _listed(sources), _listed(before), advice)


def _listed(sources: Mapping[str, str]) -> str:
    return ", ".join(f"{path} ({digest[:_DIGITS]})" for path, digest in sources.items()) or "none"


def share_records(shares: Sequence[Share]) -> list[ShareRecord]:
    """Return the records of shares that have not begun."""
    return [ShareRecord(share.block, share.copy, plain(share.spec)) for share in shares]
