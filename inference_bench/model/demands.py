"""What a loaded model asks of a machine, as facts of the model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from inference_bench.errors import NotApplicableError

if TYPE_CHECKING:
    from inference_bench.model.interfaces import Counted
    from inference_bench.model.model import Model


def demands_facts(model: Model) -> dict[str, object]:
    """Return ``demands``, the fields of ``Demands``; or ``demands_unknown``, why they are unknown.

    May run the model a few times: call it only when nothing is timed and nothing will be measured cold.
    """
    try:
        counted = _counted(model)
        found = counted.demands() if counted is not None else None
    except NotApplicableError as error:
        return {"demands_unknown": str(error)}
    except Exception as error:  # of the framework or of a plugin: no reason to lose what was measured
        return {"demands_unknown": f"counting failed: {type(error).__name__}: {error}".partition("\n")[0]}
    if found is None:
        return {"demands_unknown": f"{model.name} does not tell them"}
    return {"demands": asdict(found)}


def _counted(model: Model) -> Counted | None:
    """Return what runs the loaded network; None if a server elsewhere runs it, or if it is only called."""
    if not model.runs_here:
        return None
    if "generate" in model.abilities:
        return model.generator()
    return model.encoder() if "encode" in model.abilities else None
