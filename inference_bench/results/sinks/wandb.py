"""A run of Weights & Biases per case, in one group per run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from inference_bench.extras import require
from inference_bench.results.tracker import Tracker

if TYPE_CHECKING:
    from inference_bench.results.tracked_case import TrackedCase

_NOTHING_ELSE: dict[str, Any] = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "save_code": False,
    "silent": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}
"""The client adds nothing of its own: no command line, host, code, packages or output."""


class WandbSink(Tracker):
    """Weights & Biases: one run per case, in `wandb/` beside the runs; uploaded if WANDB_MODE is online."""

    settings: ClassVar[dict[str, str]] = {"WANDB_ERROR_REPORTING": "false"}

    @classmethod
    def check(cls) -> None:
        """Refuse if Weights & Biases is not installed."""
        require("sink wandb", ["wandb"])

    def track(self, run: str, cases: Sequence[TrackedCase]) -> None:
        """Write each case; the id of its run is the same each time, so that a later upload replaces an earlier one."""
        import wandb

        mode: Any = os.environ.get("WANDB_MODE") or "offline"
        for case in cases:
            of = wandb.init(
                project=os.environ.get("WANDB_PROJECT") or "inference_bench",
                mode=mode,
                dir=os.environ.get("WANDB_DIR") or self.place,
                id=case.id,
                name=case.name,
                group=run,
                config=dict(case.parameters),
                resume="allow",
                reinit="create_new",
                settings=wandb.Settings(**_NOTHING_ELSE),
            )
            of.log(dict(case.metrics))
            of.summary.update(dict(case.tags))
            of.finish(exit_code=int(case.has_failed))
