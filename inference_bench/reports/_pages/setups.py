"""The set-ups of a run: what differs between them, and what all of them share."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from inference_bench.spec import OWN_ENGINE, Setup
from inference_bench.units import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference_bench.result import BenchmarkResult

Key = tuple[str, Setup]
"""A model in one set-up."""

_BY_WEIGHTS = ("weights", "scale")
"""Fields that the description of the weights covers."""

_DEFAULTS = {"attention": "auto", "compile": "none", "seed": 0, "engine": OWN_ENGINE}
"""Values that need no words where all set-ups have them."""


def key_of(result: BenchmarkResult) -> Key:
    """Return the model and the set-up of a result."""
    return result.case.model, result.case.setup


def setups_of(results: Sequence[BenchmarkResult]) -> list[Key]:
    """Return the models and set-ups, in the order of measuring."""
    return list(dict.fromkeys(map(key_of, results)))


class Names:
    """The names of set-ups that stand side by side.

    Attributes:
        shared: what all of them have in common, in words.
        random: whether the weights of any are random.
    """

    def __init__(self, keys: Sequence[Key], results: Sequence[BenchmarkResult]) -> None:
        facts = {key: _facts(key, [result for result in results if key_of(result) == key]) for key in keys}
        _fill_in(facts)
        if all(setup.engine == OWN_ENGINE for _, setup in keys):
            for found in facts.values():
                del found["engine"]
        _tell_apart(facts)
        names = list(dict.fromkeys(name for found in facts.values() for name in found))
        varying = [name for name in names if len({found.get(name, "") for found in facts.values()}) > 1]
        first = facts[keys[0]]
        self.random = any(_is_random(found["weights"]) for found in facts.values())
        self.shared = tuple(
            _words(name, first[name]) for name in names if name not in varying and _needs_words(name, first[name])
        )
        self._parts = {
            key: tuple(_words(name, found[name]) for name in varying if found[name]) for key, found in facts.items()
        }

    def of(self, key: Key) -> str:
        """Return what distinguishes a set-up from the others."""
        return " · ".join(self._parts[key])


def _facts(key: Key, results: Sequence[BenchmarkResult]) -> dict[str, str]:
    """Return every fact of a set-up by its name; a field that is added to ``Setup`` is one as well."""
    model, setup = key
    about: Mapping[str, Any] = next((result.model for result in results if result.model), {})
    weights: Mapping[str, Any] = about.get("weights") or {}
    found = {"model": str(about.get("title") or model), "slug": model, "engine": ""}
    found |= {each.name: str(getattr(setup, each.name)) for each in fields(Setup) if each.name not in _BY_WEIGHTS}
    if setup.engine == OWN_ENGINE:
        found["engine"] = str(about.get("engine") or OWN_ENGINE)
    if len({result.random_weights for result in results if result.model}) > 1:  # a run with ``any``, resumed
        return found | {"weights": "random weights in some cases", "label": ""}
    source = str(weights.get("source") or setup.weights)
    if source == "random":
        scale = weights.get("scale") or setup.scale
        return found | {"weights": "random weights" + (", reduced size" if scale == "reduced" else ""), "label": ""}
    return found | {
        "weights": "" if source in ("none", "auto") else f"weights: {source}",
        "label": str(weights.get("label") or setup.weights) if source != "none" else "",
    }


def _fill_in(facts: Mapping[Key, dict[str, str]]) -> None:
    """Give a set-up that never loaded what another set-up of its model says of the model and its weights.

    Otherwise these would count as what distinguishes the set-ups.
    """
    loaded: dict[tuple[str, str, str], dict[str, str]] = {}
    for (model, setup), found in facts.items():
        if found["model"] != found["slug"]:
            loaded.setdefault((model, setup.weights, setup.scale), found)
    for (model, setup), found in facts.items():
        known = loaded.get((model, setup.weights, setup.scale))
        if found["model"] == found["slug"] and known is not None:
            found |= {name: known[name] for name in ("model", "weights", "label")}


def _tell_apart(facts: Mapping[Key, dict[str, str]]) -> None:
    """Keep the slug only of models with one title, and the label only of one model's weights from one source."""
    titles = Counter(title for title, _ in {(found["model"], found["slug"]) for found in facts.values()})
    weights = {(found["slug"], found["weights"], found["label"]) for found in facts.values()}
    labels = Counter((slug, source) for slug, source, _ in weights)
    for found in facts.values():
        if titles[found["model"]] > 1:
            found["model"] = found["slug"]
        if labels[found["slug"], found["weights"]] > 1 and found["label"]:
            found["weights"] = found["label"]
    for found in facts.values():
        del found["slug"], found["label"]


def _is_random(weights: str) -> bool:
    return weights.startswith("random weights")


def _needs_words(name: str, value: str) -> bool:
    return bool(value) and value != str(_DEFAULTS.get(name, ""))


def _words(name: str, value: str) -> str:
    """Return a fact so that it is understood without the name of its field."""
    if name == "threads":
        return counted(int(value), "thread")
    if name == "attention":
        return f"{value} attention"
    if name == "compile":
        return "not compiled" if value == "none" else f"compiled ({value})"
    if name in ("model", "device", "dtype", "weights", "engine"):
        return value
    return f"{name.replace('_', ' ')} {value}"
