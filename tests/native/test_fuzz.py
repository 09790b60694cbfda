"""No call of the native module with wrong arguments, of a wrong object, or of half an object ends the process."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference_bench import _native
from tests.native.fuzz_calls import native_types, whole_objects

ROOT = Path(__file__).parents[2]
CALLS = 25_000
BY_NAME = (_native.Span, type(_native.span("by name")(len)))
VALUES = (memoryview, type(len))
TYPES = [kind for kind in native_types(whole_objects()) if kind not in VALUES]
OBJECTS = [one for one in whole_objects() if not isinstance(one, VALUES)]


@pytest.mark.parametrize("seed", [16])
def test_wrong_calls_raise(seed: int, tmp_path: Path):
    last = tmp_path / "last"
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.native.fuzz_calls", str(seed), str(CALLS)]
    environment = os.environ | {"LAST": str(last), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{last.read_text().strip()}\n{done.stderr}"


def name_of(one: object) -> str:
    return type(one).__qualname__


@pytest.mark.parametrize("one", [one for one in OBJECTS if not isinstance(one, BY_NAME)], ids=name_of)
@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        lambda one: one.__reduce__(),
        *(lambda one, protocol=protocol: pickle.dumps(one, protocol) for protocol in range(6)),
    ],
)
def test_an_object_of_this_process_is_not_copied(one: Any, copied: Callable[[Any], object]):
    with pytest.raises(TypeError, match="cannot pickle"):
        copied(one)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__qualname__)
def test_an_object_made_without_its_constructor_is_whole_or_refused(kind: type):
    for make in (lambda: kind.__new__(kind), lambda: object.__new__(kind)):
        try:
            made = make()
        except (TypeError, RuntimeError):  # RuntimeError: no GPU
            continue
        assert isinstance(made, kind)
        for name in set(dir(made)) - set(dir(object)):
            getattr(made, name)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__qualname__)
def test_a_class_is_neither_changed_nor_inherited_from(kind: type):
    with pytest.raises(TypeError):
        kind.anything = 1  # type: ignore[attr-defined]
    if kind.__name__ != "pybind11_object":
        with pytest.raises(TypeError):
            type("Heir", (kind,), {})


def test_an_object_keeps_its_class():
    for one in OBJECTS:
        for kind in TYPES:
            if type(one) is not kind:
                with pytest.raises((TypeError, AttributeError)):
                    one.__class__ = kind


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__qualname__)
def test_a_member_takes_no_foreign_object_for_its_own(kind: type):
    for name, member in vars(kind).items():
        call = member.fget if isinstance(member, property) else member
        if isinstance(member, staticmethod) or name == "__new__" or not callable(call):
            continue
        for foreign in (None, 1, object()):
            try:
                answer = call(foreign)
            except (TypeError, AttributeError):
                continue
            assert answer is NotImplemented, name


class Borrower:
    span_enter = _native.Span.__enter__
    span_exit = _native.Span.__exit__
    entry_enter = _native.SpanEntry.__enter__
    noop_enter = _native._NoopContext.__enter__
    noop_exit = _native._NoopContext.__exit__


@pytest.mark.parametrize("name", [name for name in vars(Borrower) if name.endswith(("enter", "exit"))])
def test_a_descriptor_on_a_foreign_class_refuses_its_objects(name: str):
    with pytest.raises(TypeError, match="doesn't apply"):
        getattr(Borrower(), name)
