"""A share of a sweep: one block, whole, for one node."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from inference_bench.orchestration.placement.code_folder import CodeFolder
from inference_bench.provenance.record import Provenance
from inference_bench.spec import Spec

CALIBRATE, CALIBRATED = "calibrate", "calibrated"
"""Key of a request that asks a node for its calibration, and event that answers it."""


@dataclass(frozen=True, slots=True)
class Share:
    """A block for one node.

    A block is one model with all its set-ups: what people compare is measured on one node, in an order of its own.

    Attributes:
        number: from 0, in the order of the sweep.
        block: the model.
        copy: which of the measurements of this block, from 0; each is for another node.
        spec: what is measured.
    """

    number: int
    block: str
    copy: int
    spec: Spec


@dataclass(frozen=True, slots=True)
class ShareRequest:
    """What the process of a share is told.

    Attributes:
        spec: as ``RunRecord.spec`` has it.
        output: folder of runs on a disk that the driver reads, too; or the address of this share's run on a store.
        resume: the run to continue, or None.
        scratch: name of a folder of this share on the node's disk.
        cwd: folder that the driver runs in; the share runs in it too where the node has it.
        models_dirs: folders with further models.
        benchmarks_dirs: folders with further benchmarks.
        force: as for ``run_benchmarks``.
        marks: label, note and tags of the run.
        argv: the command line of the sweep.
    """

    spec: Mapping[str, Any]
    output: str
    resume: str | None = None
    scratch: str = ""
    cwd: str = "."
    models_dirs: Sequence[CodeFolder] = ()
    benchmarks_dirs: Sequence[CodeFolder] = ()
    force: bool = False
    marks: Provenance = field(default_factory=Provenance)
    argv: Sequence[str] = ()


def shares_of(
    spec: Spec, copies: int, seed: int = 0, *, axes: Mapping[str, Collection[str]] | None = None
) -> list[Share]:
    """Return the shares of a sweep: each model ``copies`` times, in a random order, its set-ups in another each time.

    The first copies of all blocks come before the second ones, so that nodes of different speed have a whole design
    as early as possible.

    Args:
        spec: what was asked for; its time is divided among the models.
        copies: on how many nodes each model is measured.
        seed: of the orders; the same seed gives the same orders.
        axes: model → the axes that its benchmarks have, where only some models have an axis; None where all have all.
    """
    generator = random.Random(seed)
    shares: list[Share] = []
    time_ns = None if spec.time_ns is None else max(spec.time_ns // len(spec.models), 1)
    for copy in range(copies):
        for block in generator.sample(spec.models, len(spec.models)):
            setups = tuple(generator.sample(spec.setups, len(spec.setups)))
            given = {name: spec.axes[name] for name in spec.axes if axes is None or name in axes[block]}
            of_block = replace(spec, models=(block,), setups=setups, axes=given, time_ns=time_ns)
            shares.append(Share(len(shares), block, copy, of_block))
    return shares
