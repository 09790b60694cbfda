"""A plan carried out: one fresh worker process per run of a model, results written as each case ends.

This process never imports torch: it starts workers, waits for them, and writes what they measured. With isolation
``inline`` the worker is a thread of it, and then it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from inference_bench._native import now_ns
from inference_bench.orchestration.planning import prepare
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.session import Session
from inference_bench.orchestration.signals import stopped_by_signals
from inference_bench.provenance.reading import ProvenanceReading
from inference_bench.provenance.record import Provenance
from inference_bench.results.run import Run, load_run
from inference_bench.results.run_folder import LOCAL_OUTPUT, RECORD, create_run_folder, locked
from inference_bench.results.run_group import on_disk, stores
from inference_bench.results.serialization import spec_from_plain
from inference_bench.results.sink import check_sinks
from inference_bench.results.storage import Folder, StoredPath, is_address, stored_place
from inference_bench.results.upload import fetch_run, target_of
from inference_bench.spec import Spec


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A run that has ended.

    Attributes:
        folder: where it was written.
        run: the run, read back from that folder.
        interrupted: whether it was asked to stop before the plan's end.
        sink_failure: which of the sinks that were asked for could not write the run, and why; empty if none.
        stored_at: addresses that the run was copied to.
        is_cut: whether its deadline ended it before the plan's end.
    """

    folder: Path
    run: Run
    interrupted: bool
    sink_failure: str = ""
    stored_at: tuple[str, ...] = ()
    is_cut: bool = False

    @property
    def has_findings(self) -> bool:
        """Whether any case failed, or a sink."""
        return bool(self.sink_failure) or any(result.status.is_finding for result in self.run.results)


async def run_benchmarks(
    spec: Spec,
    *,
    output: Folder,
    models_dirs: Sequence[Path] = (),
    benchmarks_dirs: Sequence[Path] = (),
    force: bool = False,
    marks: Provenance | None = None,
    sinks: Sequence[str] = (),
    progress: Progress | None = None,
    handle_signals: bool = False,
    in_share: bool = False,
    deadline_ns: int | None = None,
) -> RunOutcome:
    """Measure everything a spec asks for and write it under ``output``.

    Args:
        spec: what to measure.
        output: where the run's folder is created; for an address on a store, as ``on_disk`` says, and copied to it.
        models_dirs: folders with further models.
        benchmarks_dirs: folders with further benchmarks.
        force: load models although their weights seem not to fit into memory.
        marks: label, note and tags of the run, as ``marked`` returns them.
        sinks: names of sinks that write the run besides those of every run.
        progress: is told what happens.
        handle_signals: on SIGINT finish the present case and stop, on a second one stop now; main thread only.
        in_share: whether a placement started this process: the CPU time of its launcher is recorded.
        deadline_ns: no case but the first begins after this instant, by ``now_ns``; None for no such limit.

    Raises:
        UsageError: something asked for does not exist or is not allowed; nothing was measured.
    """
    sinks = [*sinks, *stores(output)]
    check_sinks(sinks)
    reading = ProvenanceReading(marks or Provenance(), [*models_dirs, *benchmarks_dirs])
    prepared = prepare(spec, models_dirs, benchmarks_dirs)
    folder = create_run_folder(on_disk(output))
    of = progress or Progress(), reading.result()
    session = Session(spec, prepared, folder, *of, sinks=sinks, force=force, in_share=in_share)
    return _with_addresses(await _carry_out(session, handle_signals, deadline_ns), sinks)


async def resume_run(
    folder: Folder,
    *,
    models_dirs: Sequence[Path] = (),
    benchmarks_dirs: Sequence[Path] = (),
    retry_failed: bool = False,
    force: bool = False,
    sinks: Sequence[str] = (),
    progress: Progress | None = None,
    handle_signals: bool = False,
    in_share: bool = False,
) -> RunOutcome:
    """Continue an unfinished run: measure what is missing, into the same folder.

    Args:
        folder: of the run; one on a store is copied to ``LOCAL_OUTPUT`` first, and what is measured to the store.
        models_dirs: as the run was given.
        benchmarks_dirs: as the run was given.
        retry_failed: also measure again what failed.
        force: continue although machine or software have changed since, and load models although their weights seem not
            to fit into memory.
        sinks: as for ``run_benchmarks``; a run that has ended is written by them without measuring.
        progress: is told what happens.
        handle_signals: as for ``run_benchmarks``.
        in_share: as for ``run_benchmarks``.

    Raises:
        RunFormatError: the folder is no readable run.
        UsageError: the run cannot be resumed; nothing was measured.
    """
    check_sinks(sinks)
    if isinstance(folder, StoredPath):
        sinks = [*sinks, str(folder)]
        check_sinks(sinks)
        folder = fetch_run(folder, LOCAL_OUTPUT)
    former = load_run(folder)
    reading = ProvenanceReading(Provenance(), [*models_dirs, *benchmarks_dirs])
    spec = spec_from_plain(former.record.spec, folder / RECORD)
    prepared = prepare(spec, models_dirs, benchmarks_dirs)
    of = progress or Progress(), reading.result(), former
    session = Session(
        spec, prepared, folder, *of, sinks=sinks, retry_failed=retry_failed, force=force, in_share=in_share
    )
    session.check_environment(force=force)
    return _with_addresses(await _carry_out(session, handle_signals), sinks)


def _with_addresses(outcome: RunOutcome, sinks: Sequence[str]) -> RunOutcome:
    addresses = (target_of(stored_place(name), outcome.folder.name) for name in sinks if is_address(name))
    return replace(outcome, stored_at=tuple(map(str, addresses)))


async def _carry_out(session: Session, handle_signals: bool, deadline_ns: int | None = None) -> RunOutcome:
    is_cut = False
    with locked(session.folder), stopped_by_signals(session.stop_after_case, enabled=handle_signals):
        async with session:
            session.begin()
            await session.fetch_weights()
            await session.measure_floor()
            # Closed here if writing fails: otherwise the loop's end would close it while workers still run.
            async with aclosing(session.measure_plan()) as results:
                async for result in results:
                    session.write(result)
                    if deadline_ns is not None and now_ns() >= deadline_ns and not session.stopping:
                        is_cut = True
                        session.stop_after_case()
            await session.finish()
    is_interrupted = session.stopping and not is_cut
    return RunOutcome(session.folder, load_run(session.folder), is_interrupted, session.sink_failure, is_cut=is_cut)
