"""Weights in the form that an engine loads: converted once, and kept in the weights cache."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from inference_bench.errors import WeightsError
from inference_bench.machine.subprocesses import last_line, run_python
from inference_bench.model.weights.cache import CacheEntry, Fetched, Progress, find, store
from inference_bench.model.weights.conversion import Conversion
from inference_bench.model.weights.files import combined_digest
from inference_bench.model.weights.references import ConvertedWeights, ResolvedWeights


def converted(weights: ResolvedWeights, conversion: Conversion, progress: Progress) -> ResolvedWeights:
    """Return weights with what an engine loads beside them; converts if that is not in the cache. Blocks.

    An interrupted conversion leaves nothing that would be used: the entry appears whole or not at all.

    Raises:
        WeightsError: nothing to convert, the conversion failed, or the cache cannot be written.
    """
    source = conversion.source or weights.path
    if source is None:
        raise WeightsError(
            f"{weights.label}: {conversion.converter} converts files, and these weights are made while they load. "
            "Take trained weights."
        )
    key = _key(weights, conversion)
    try:
        entry = find(key, _any_files)
    except WeightsError:
        entry = None  # damaged: converted again
    entry = entry or store(
        key, weights.source, lambda scratch: _convert(source, conversion, scratch, progress), progress, _any_files
    )
    return replace(weights, converted=_described(entry, conversion))


def _key(weights: ResolvedWeights, conversion: Conversion) -> str:
    """Return the name of the cache entry: the form, and a digest over the weights and how they are converted."""
    words = [weights.digest, conversion.converter, conversion.version, *conversion.arguments]
    words += [f"{name}={value}" for name, value in sorted(conversion.options.items())]
    return f"{conversion.form}-{sha256(json.dumps(words).encode()).hexdigest()[:16]}"


def _convert(source: Path, conversion: Conversion, scratch: Path, progress: Progress) -> Fetched:
    progress(f"converting to {conversion.form} by {conversion.converter} {conversion.version}, once")
    folder = scratch / "files"
    folder.mkdir()
    done = run_python("-m", conversion.module, str(source), str(folder), *conversion.arguments)
    if done.returncode:
        raise WeightsError(f"{conversion.form}: {conversion.converter} {conversion.version}: {last_line(done)}")
    return Fetched(folder, f"{conversion.form} by {conversion.converter} {conversion.version}")


def _described(entry: CacheEntry, conversion: Conversion) -> ConvertedWeights:
    return ConvertedWeights(
        path=entry.path,
        form=conversion.form,
        converter=conversion.converter,
        version=conversion.version,
        options=dict(conversion.options),
        digest=combined_digest({file.name: file.sha256 for file in entry.files}),
    )


def _any_files(folder: Path) -> None:
    """Refuse an empty result.

    Raises:
        WeightsError: there is no file.
    """
    if not any(folder.iterdir()):
        raise WeightsError(f"weights {folder}: the conversion wrote no file.")
