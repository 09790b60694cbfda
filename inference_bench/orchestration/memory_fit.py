"""Whether the weights of a model fit into memory, judged before any of them is fetched or loaded."""

from __future__ import annotations

from inference_bench.machine.device import free_bytes
from inference_bench.model.model import Model
from inference_bench.model.weights.size import loaded_bytes
from inference_bench.spec import Setup
from inference_bench.units import format_bytes


class MemoryFit:
    """Compares the weights of models with the memory that was free at the first question about a device.

    Args:
        force: let everything be tried.
    """

    def __init__(self, *, force: bool = False) -> None:
        self._force = force
        self._free: dict[str, int | None] = {}

    def shortage(self, model: type[Model], setup: Setup) -> str:
        """Return what a model needs and what is free, if its weights cannot fit; else an empty string.

        The estimate is a lower one: the parameters alone. A model that declares none may hold them elsewhere.
        """
        if self._force or setup.scale != "full" or not model.runs_here:
            return ""
        if setup.device not in self._free:
            self._free[setup.device] = free_bytes(setup.device)
        free, needs = self._free[setup.device], loaded_bytes(model, setup)
        if free is None or needs <= free:
            return ""
        place = "memory" if setup.device == "cpu" else f"memory on {setup.device}"
        needed = f"the weights of {model.name} need {format_bytes(needs)} as {setup.dtype}"
        return f"{needed}, {format_bytes(free)} of {place} are free"
