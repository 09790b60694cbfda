"""Advice on a run as it is stored in the run's folder: findings, experiments, the ceilings used, and all proofs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

from inference_bench.analysis.advice.advice import Advice
from inference_bench.analysis.advice.proof import Proof
from inference_bench.ceilings import Ceilings
from inference_bench.errors import RunFormatError
from inference_bench.results.atomic_file import write_atomically
from inference_bench.results.reading import read_as, read_json
from inference_bench.results.serialization import to_json

ADVICE = "advice.json"
_VERSION = 1
_ADVICE = "Delete it and run `advise` again."


class AdviceDocument(TypedDict):
    """Content of ``advice.json``, and what ``advise --json`` prints."""

    advice_version: int
    advice: Advice
    ceilings: list[Ceilings]
    proofs: list[Proof]


@dataclass(frozen=True, slots=True)
class StoredAdvice:
    """Advice on a run, and what came of its experiments.

    Attributes:
        advice: the latest.
        ceilings: that it is held against, one per device.
        proofs: all that were ever carried out, the oldest first; refuted ones stay.
    """

    advice: Advice
    ceilings: tuple[Ceilings, ...] = ()
    proofs: tuple[Proof, ...] = field(default=())

    def of_cases(self, ids: Collection[str]) -> StoredAdvice:
        """Return the part that concerns some cases, given their ids."""
        advice = replace(self.advice, cases=tuple(of for of in self.advice.cases if of.case.id in ids))
        return StoredAdvice(advice, self.ceilings, tuple(proof for proof in self.proofs if proof.case in ids))

    @property
    def document(self) -> AdviceDocument:
        """The content of its file."""
        return {
            "advice_version": _VERSION,
            "advice": self.advice,
            "ceilings": list(self.ceilings),
            "proofs": list(self.proofs),
        }


def write_advice(folder: Path, stored: StoredAdvice) -> None:
    """Write advice into the folder of a run; at every instant it is the former or the new one.

    Raises:
        InferenceBenchError: the folder cannot be written.
    """
    write_atomically(folder / ADVICE, to_json(stored.document))


def read_advice(folder: Path) -> StoredAdvice | None:
    """Return the advice in the folder of a run, or None.

    Raises:
        RunFormatError: the file is damaged, or from a newer version.
    """
    path = folder / ADVICE
    if not path.is_file():
        return None
    document = read_as(AdviceDocument, read_json(path, _ADVICE), path, _ADVICE)
    if document["advice_version"] > _VERSION:
        given = document["advice_version"]
        raise RunFormatError(f"{path}: version {given}, but this inference_bench reads up to {_VERSION}.")
    return StoredAdvice(document["advice"], tuple(document["ceilings"]), tuple(document["proofs"]))
