"""A request as a TOML file, which ``_spec_file`` reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from inference_bench.spec import SETUP_AXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from inference_bench.spec import Setup, Spec


def spec_text(spec: Spec, setup: Setup, models_dirs: Sequence[Path] = ()) -> str:
    """Return a request for one set-up as TOML: models, benchmarks and axes as in ``spec``; its efforts stay out."""
    return "\n".join([*_lines(spec, setup, models_dirs), ""])


def _lines(spec: Spec, setup: Setup, models_dirs: Sequence[Path]) -> Iterator[str]:
    yield _entry("models", list(spec.models))
    yield _entry("suite", spec.suite) if spec.suite else _entry("benchmarks", list(spec.benchmarks))
    if models_dirs:
        yield _entry("models_dirs", [str(folder.absolute()) for folder in models_dirs])
    for name in ("weights", "scale", "seed"):
        yield _entry(name, getattr(setup, name))
    yield "\n[axes]"
    for name in SETUP_AXES:
        yield _entry(name, [getattr(setup, name)])
    for name, values in spec.axes.items():
        yield _entry(name, list(values))


def _entry(name: str, value: object) -> str:
    # JSON's strings, numbers and lists are TOML's, apart from characters beyond the basic plane, written as they are.
    return f"{name} = {json.dumps(value, ensure_ascii=False)}"
