"""Resolve the value of ``--weights`` to verified weights on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from inference_bench.errors import InvalidValueError, UnknownNameError, UsageError, WeightsError
from inference_bench.model.model import Model
from inference_bench.model.weights.cache import CacheEntry, Progress, cache_dir, find, store
from inference_bench.model.weights.files import check_folder, combined_digest, file_sha256, weights_files
from inference_bench.model.weights.gguf_header import read_gguf_header
from inference_bench.model.weights.identity import differing_sizes
from inference_bench.model.weights.origins import GgufFile, Hub, Origin, origins_of
from inference_bench.model.weights.references import (
    GGUF,
    OWN,
    SOURCES,
    HubWeights,
    ResolvedWeights,
    hub_reference,
    names_place,
    shown_path,
)
from inference_bench.spec import Setup


def resolve_weights(model: type[Model], setup: Setup, progress: Progress) -> ResolvedWeights:
    """Return verified weights for this set-up; fetch them if needed. Blocks.

    Raises:
        WeightsError: refused, missing or corrupt.
        UsageError: no such source, or a path without usable weights.
    """
    if not model.loads_weights(setup.weights):
        return no_weights(model)
    if setup.weights == "random":
        return _random(setup.seed, setup.scale)
    if setup.weights == "any":
        try:
            return resolve_weights(model, replace(setup, weights="auto"), progress)
        except WeightsError as error:
            progress(f"{error.args[0].partition(':')[0]}: using random weights of reduced size instead")
            return _random(setup.seed, "reduced")
    if setup.weights in OWN and (own := model.local_path()) is not None:
        return _own(own, progress)
    if names_place(setup.weights):
        named = hub_reference(setup.weights)
        return (
            _local(model, setup.weights, progress) if named is None else _of_hub(model, named, setup.weights, progress)
        )
    origins = _wanted(model, setup.weights)
    for origin in origins:
        if entry := _cached(origin, replaceable=setup.weights == origin.source):
            return _resolved(entry, "cache")
    if setup.weights == "cache":
        raise WeightsError(
            f"no weights for {model.name} in the cache {cache_dir()}. Run once with --weights auto and a network."
        )
    return _fetched(model, origins, progress)


def no_weights(model: type[Model]) -> ResolvedWeights:
    """Return what stands for the weights of a model that is loaded without any; it may make its own."""
    return ResolvedWeights("none", "made by the model" if model.takes_weights else "no weights", trained=False)


def _of_hub(model: type[Model], weights: HubWeights, given: str, progress: Progress) -> ResolvedWeights:
    """Return weights of a repository that the user names, as they are in the cache or else on the hub."""
    origin = Hub(weights, given)
    entry = _cached(origin, replaceable=True)
    resolved = _fetched(model, [origin], progress) if entry is None else _resolved(entry, "cache")
    assert resolved.path is not None
    _refuse_other_sizes(model, given, resolved.path)
    return replace(resolved, source="hub") if entry is None else resolved


def _refuse_other_sizes(model: type[Model], given: str, folder: Path) -> None:
    """Refuse weights of other sizes, whose figures would go under the model's name."""
    if other := differing_sizes(model, folder):
        sizes = ", ".join(f"{key} {value}" for key, value in other)
        raise WeightsError(
            f"{given} is not {model.name}: {sizes}. With --weights {folder} it is measured under a name of its own."
        )


def _random(seed: int, scale: str) -> ResolvedWeights:
    reduced = ", reduced" if scale == "reduced" else ""
    return ResolvedWeights("random", f"RANDOM weights (seed {seed}{reduced})", trained=False, scale=scale)


def check_own_weights(model: type[Model], setup: Setup) -> None:
    """Refuse a model's own place, before anything is loaded, if nothing can be loaded from it.

    Raises:
        UsageError: no such folder or file, or without usable weights.
    """
    own = model.local_path()
    if own is None or setup.weights not in ("auto", "local"):
        return
    try:
        _check_place(own)
    except WeightsError as error:
        advice = "Or ask for --weights random, which every table labels so."
        raise UsageError(f"{model.name}: {error} {advice}") from None


def _check_place(path: Path) -> None:
    """Check, without reading the weights, that a folder or GGUF file can be loaded.

    Raises:
        WeightsError: it cannot.
    """
    if path.is_dir():
        check_folder(path)
    elif path.suffix == GGUF and path.is_file():
        read_gguf_header(path)
    else:
        found = "a file of another kind" if path.exists() else "nothing there"
        raise WeightsError(f"weights {path}: {found}, expected a folder with config.json or a .gguf file.")


def _own(path: Path, progress: Progress) -> ResolvedWeights:
    """Return the weights at a model's own place, labelled by it.

    Raises:
        WeightsError: none can be loaded from it.
    """
    _check_place(path)
    label = f"local {shown_path(path)}"
    if path.is_dir():
        return _in_folder(path, label, progress)
    return replace(_in_gguf(path, progress), label=f"{label} (GGUF, dequantised)")


def _local(model: type[Model], given: str, progress: Progress) -> ResolvedWeights:
    """Return the weights at a place that the user names instead of a model's own."""
    path = Path(given).expanduser().absolute()
    if path.is_file() and path.suffix == GGUF:
        found = _in_gguf(path, progress)
        assert found.path is not None
        _refuse_other_sizes(model, path.name, found.path)
        return found
    if path.is_dir():
        return _in_folder(path, f"local {path.name}", progress)
    if os.sep in given or path.exists():
        expected = "a folder with config.json and *.safetensors, a .gguf file, or owner/name@revision of the hub"
        raise InvalidValueError("weights", given, expected, f"Or one of: {', '.join(SOURCES)}.")
    raise UnknownNameError("weights source", given, SOURCES)


def _in_folder(path: Path, label: str, progress: Progress) -> ResolvedWeights:
    check_folder(path)
    progress(f"hashing the weights in {path.name}")
    digests = {name: file_sha256(path / name) for name in weights_files(path)}
    return ResolvedWeights("local", label, True, path, combined_digest(digests))


def _in_gguf(path: Path, progress: Progress) -> ResolvedWeights:
    """Return the weights of a GGUF file, converted into the cache."""
    origin = GgufFile(path)
    return replace(_resolved(_cached(origin, replaceable=True) or _store(origin, progress), "local"), gguf=path)


def _wanted(model: type[Model], source: str) -> list[Origin]:
    """Return all of the model's origins in order of preference, or the one with this name."""
    named = origins_of(model)
    if source in ("auto", "cache"):
        return named
    chosen = [origin for origin in named if origin.source == source]
    if not chosen:
        others = ", ".join([*(origin.source for origin in named), "random"])
        raise InvalidValueError("weights", source, f"a source that {model.name} declares: {others}, or a path")
    return chosen


def _cached(origin: Origin, *, replaceable: bool) -> CacheEntry | None:
    """Return the origin's cache entry; a broken one is an error unless it can be replaced."""
    try:
        return find(origin.key)
    except WeightsError:
        if replaceable:
            return None
        raise


def _fetched(model: type[Model], origins: Sequence[Origin], progress: Progress) -> ResolvedWeights:
    reasons = []
    for origin in origins:
        try:
            return _resolved(_store(origin, progress), origin.source)
        except WeightsError as error:
            progress(f"{origin.source}: {error}")
            reasons.append(f"{origin.source}: {error}")
    tried = "; ".join(reasons) or "it declares no source of weights"
    raise WeightsError(
        f"no weights for {model.name}: {tried}. Give a folder with --weights PATH, or ask for --weights random, which "
        "every table labels so."
    )


def _store(origin: Origin, progress: Progress) -> CacheEntry:
    return store(origin.key, origin.source, lambda scratch: origin.fetch(scratch, progress), progress)


def _resolved(entry: CacheEntry, source: str) -> ResolvedWeights:
    return ResolvedWeights(
        source, entry.label, True, entry.path, entry.digest, revision=entry.revision, commit=entry.commit
    )
