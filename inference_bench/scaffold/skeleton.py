"""Skeletons of models and benchmarks: complete, runnable files from ``templates``."""

from __future__ import annotations

import builtins
import json
import keyword
import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template

from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmark.discovery import KINDS, STANDARD
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.model.engines.transformers.architectures import FAMILIES
from inference_bench.model.engines.transformers.config_file import max_input_length
from inference_bench.model.model import Model
from inference_bench.plugins import load_class, names_in
from inference_bench.scaffold.model_facts import ModelFacts, title_of

BASES = frozenset(family.name for family in FAMILIES)
"""The classes that a skeleton derives from."""

TEMPLATES = Path(__file__).with_name("templates")
LINE = 120

_OWN = {
    "unit": ("accuracy",),
    "integration": ("agreement",),
    "performance": ("inference_speed", "memory_usage", "batch_processing", "model_loading_time"),
}
"""Kind → standard benchmarks that a new model's folder specialises."""

_OWN_OF_ENCODERS = {"performance": ("inference_speed", "memory_usage", "model_loading_time")}
_OWN_OF_GENERATORS = {"performance": _OWN["performance"]}


def _own_benchmarks(base: type[Model]) -> Mapping[str, tuple[str, ...]]:
    """Return kind → standard benchmarks that a new model of this class specialises; calls have axes of their own."""
    if "score" in base.abilities:
        return _OWN
    if "generate" in base.abilities:
        return _OWN_OF_GENERATORS
    return _OWN_OF_ENCODERS if "encode" in base.abilities else {}


def check_name(kind: str, name: str) -> None:
    """Refuse a name that cannot be a module's.

    Raises:
        InvalidValueError: suggests a similar valid name.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        nearest = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        advice = f"Try {nearest}." if re.match(r"[a-z]", nearest) else ""
        raise InvalidValueError(f"name of a {kind}", name, "lower-case letters, digits and _, a letter first", advice)
    if keyword.iskeyword(name) or keyword.iskeyword(name.capitalize()):
        raise InvalidValueError(f"name of a {kind}", name, "no word of Python itself", f"Try {name}_{kind}.")


def model_files(facts: ModelFacts) -> dict[str, str]:
    """Return path → text of a model's folder, paths relative to it."""
    readme = {"README.md": _render("README.md", **_readme(facts))}
    if facts.base is None:
        return {"model.py": _render("bare_model.py", **_described(facts))} | readme
    files = {"model.py": _render("model.py", **_model_words(facts))} | readme
    for kind, names in _own_benchmarks(facts.base).items():
        for name in names:
            # The installed version may have fewer benchmarks.
            if name in names_in(STANDARD):
                files[f"benchmarks/{kind}/benchmark_{name}.py"] = standard_benchmark(
                    name, facts.title, max_input_length(facts.architecture)
                )
    return files


def call_model_files(name: str) -> dict[str, str]:
    """Return path → text of the folder of a model that is only called, paths relative to it."""
    facts = ModelFacts(name)
    words = _described(facts) | {"description_literal": _literal("softmax of rows, to be replaced")}
    return {"model.py": _render("call_model.py", **words), "README.md": _render("README.md", **_readme(facts))}


def standard_benchmark(name: str, model_title: str, limit: int) -> str:
    """Return a model's own version of a standard benchmark, with explicit axes within ``limit`` positions."""
    base: type[Benchmark] = load_class("benchmark", STANDARD, name, Benchmark)  # type: ignore[type-abstract]
    axes = "".join(f"        {axis}={_literal(list(values), 8, '()')},\n" for axis, values in _axes(base, limit))
    return _render(
        "standard_benchmark.py",
        benchmark_title=base.title,
        benchmark_title_literal=_literal(base.title),
        model_title=model_title,
        module=base.__module__,
        base=base.__name__,
        class_name=f"Own{base.__name__}",
        axes=f"    axes = {base.__name__}.with_axes(\n{axes}    )" if axes else "",
    )


def own_benchmark(name: str, *, function: bool) -> str:
    """Return a new benchmark: a class, or a function whose calls are timed."""
    title = title_of(name)
    return _render(
        "function_benchmark.py" if function else "benchmark.py",
        name=name,
        title=title,
        title_literal=_literal(title),
        class_name=f"{_class_name(name)}Benchmark",
    )


def check_kind(kind: str) -> None:
    """Refuse an unknown kind of benchmark.

    Raises:
        UnknownNameError: no such kind.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind", kind, KINDS)


def write_files(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write the files, all or none of them, and return their paths.

    Raises:
        InvalidValueError: a file exists, or the folder cannot be written.
    """
    targets = {folder / path: text for path, text in files.items()}
    for target in targets:
        if target.exists():
            raise InvalidValueError("file", str(target), "none of this name", "Choose another name, or remove it.")
    for target, text in targets.items():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise InvalidValueError("folder", str(folder), "one that can be written", f"{error}.") from error
    return list(targets)


def _described(facts: ModelFacts) -> dict[str, str]:
    kind = facts.architecture.get("model_type")
    return {
        "title": facts.title,
        "class_name": _class_name(facts.name),
        "title_literal": _literal(facts.title),
        "description_literal": _literal(f"{kind} architecture" if kind else "a model on its own framework"),
        "license_literal": _literal(facts.license or "unknown"),
    }


def _model_words(facts: ModelFacts) -> dict[str, str]:
    assert facts.base is not None
    base = facts.base.__name__
    has_length = facts.base.reads_text() or any(axis.name == "input_length" for axis in facts.base.call_axes)
    imports = f"from inference_bench import {base}" + (", HubWeights" if facts.hub else "")
    return _described(facts) | {
        "imports": imports,
        "base": base,
        "parameters": f"{facts.parameters:_}",
        "dtype_literal": _literal(facts.dtype),
        "length_line": f"    max_input_length = {max_input_length(facts.architecture)}\n" if has_length else "",
        "weights_line": _weights_line(facts),
        "architecture": _literal(dict(facts.architecture), 4),
        "reduced": _literal(dict(facts.reduced), 4),
    }


def _weights_line(facts: ModelFacts) -> str:
    """Return the line that says where the weights are; empty if they are nowhere."""
    if facts.hub:
        hub = f"HubWeights(repo_id={_literal(facts.hub.repo_id)}, revision={_literal(facts.hub.revision)})"
        return f"    hub = {hub}\n"
    return f"    local = {_literal(facts.local)}\n" if facts.local else ""


def _readme(facts: ModelFacts) -> dict[str, str]:
    hub = facts.hub and f"hub {facts.hub.repo_id}, revision {facts.hub.revision}"
    return {
        "title": facts.title,
        "weights": hub or facts.local or "none yet",
        "license": facts.license or "unknown",
        "parameters": f"{facts.parameters:,}" if facts.parameters else "unknown",
    }


def _axes(base: type[Benchmark], limit: int) -> list[tuple[str, tuple[int | str, ...]]]:
    """Return a benchmark's axes with lengths within ``limit`` positions."""
    defaults = {axis.name: axis.default for axis in base.axes}
    new_tokens = max((value for value in defaults.get("new_tokens", ()) if isinstance(value, int)), default=0)
    if "input_length" in defaults:
        longest = max(1, limit - new_tokens)
        lengths = (min(value, longest) for value in defaults["input_length"] if isinstance(value, int))
        defaults["input_length"] = tuple(dict.fromkeys(lengths))
    return list(defaults.items())


def _render(template: str, **words: object) -> str:
    text = (TEMPLATES / f"{template}.template").read_text(encoding="utf-8")
    return Template(text).substitute(words).rstrip("\n") + "\n"


def _class_name(name: str) -> str:
    """Return the name in the form of a class's, and not that of a class that the file uses."""
    found = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    return f"Own{found}" if found in _names_used() else found


@cache
def _names_used() -> frozenset[str]:
    """Return the names of classes in Python and in the templates."""
    texts = (path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.template"))
    words = re.findall(r"\b[A-Z]\w*", " ".join(texts))
    return frozenset([*words, *dir(builtins), *BASES, "HubWeights"])


def _plain_literal(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _literal(value: object, indent: int = 0, brackets: str = "[]") -> str:
    """Return a Python literal in the layout of the project's formatter."""
    if isinstance(value, dict):
        parts = [f"{_literal(str(key))}: {_literal(item, indent + 4)}" for key, item in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, list):
        parts = [_literal(item, indent + 4) for item in value]
        opening, closing = brackets[0], brackets[1]
    else:
        return _plain_literal(value)
    ending = "," if brackets == "()" and len(parts) == 1 else ""
    line = f"{opening}{', '.join(parts)}{ending}{closing}"
    if "\n" not in line and indent + len(line) <= LINE * 3 // 4 and not (isinstance(value, dict) and len(parts) > 2):
        return line
    inner = "".join(f"{' ' * (indent + 4)}{part},\n" for part in parts)
    return f"{opening}\n{inner}{' ' * indent}{closing}"
