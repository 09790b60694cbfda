"""A snippet of Python, timed in fresh processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from inference_bench.errors import InferenceBenchError
from inference_bench.machine.subprocesses import run_python
from inference_bench.timing.record import ProcessTimes

_MODULE = "inference_bench.timing.snippet_process"


@dataclass(slots=True)
class Snippet:
    """Code that is timed, and the code that runs before it.

    Attributes:
        code: executed again and again.
        setup: executed once in each process, untimed; its variables are the code's.
        number: executions per sample; None for as many as a precise sample needs, found in the first process.
        budget_ns: how long each process takes samples.
    """

    code: str
    setup: str
    number: int | None
    budget_ns: int

    @property
    def name(self) -> str:
        """The code on one line."""
        return "; ".join(filter(None, map(str.strip, self.code.splitlines()))) or "pass"

    @property
    def parameters(self) -> Mapping[str, str]:
        """None."""
        return {}

    def measure(self) -> ProcessTimes:
        """Time it in one fresh process.

        Raises:
            InferenceBenchError: the code or its set-up raises, or the process ends early.
        """
        request = {"setup": self.setup, "code": self.code, "number": self.number, "budget_ns": self.budget_ns}
        ended = run_python("-m", _MODULE, text=json.dumps(request) + "\n")
        if ended.returncode or not ended.stdout:
            last = (ended.stderr.strip().splitlines() or ["it printed nothing"])[-1]
            raise InferenceBenchError(
                f"time {self.name!r}: its process ended with exit code {ended.returncode} and no times ({last})."
            )
        reply = json.loads(ended.stdout)
        if "error" in reply:
            raise InferenceBenchError(f"time {self.name!r}: {reply['error']}.")
        self.number = int(reply["executions"])
        return ProcessTimes(
            samples_ns=reply["samples_ns"],
            cold_ns=reply["cold_ns"],
            executions=self.number,
            floor_ns=reply["floor_ns"],
        )
