"""Builds the doubles of NVIDIA's libraries: shared objects with the real ABI, in tests/native/doubles."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, ClassVar

import pytest

SOURCES = Path(__file__).parent / "native" / "doubles"
COMPILER = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def build(name: str, target: Path, *defines: str) -> Path:
    """Compile ``<name>.cpp`` into ``target``, or skip the test where there is no compiler."""
    if COMPILER is None:
        pytest.skip("no C++ compiler to build the test doubles with")
    command = [*COMPILER.split(), "-std=c++17", "-O1", "-fPIC", "-shared", *(f"-D{d}" for d in defines)]
    subprocess.run([*command, str(SOURCES / f"{name}.cpp"), "-o", str(target), "-ldl", "-pthread"], check=True)
    return target


class Double:
    """A double's control functions: ``double.launch(7, 1_000_000)`` calls ``double_launch``."""

    _ARGUMENTS: ClassVar[dict[str, list[Any]]] = {
        "advance": [ctypes.c_int64],
        "run_clock": [ctypes.c_double],
        "launch": [ctypes.c_uint64, ctypes.c_int64],
        "capture": [ctypes.c_uint64, ctypes.c_int],
        "set_memory": [ctypes.c_int, ctypes.c_int64],
        "add_process": [ctypes.c_uint, ctypes.c_uint64],
    }
    _LONG: ClassVar[set[str]] = {"calls", "all_calls", "events_queried", "events_alive"}

    def __init__(self, path: Path) -> None:
        self.path = path
        self.library = ctypes.CDLL(str(path))

    def __getattr__(self, name: str) -> ctypes._NamedFuncPointer:
        function = getattr(self.library, f"double_{name}")
        if name in self._ARGUMENTS:
            function.argtypes = self._ARGUMENTS[name]
        function.restype = ctypes.c_int64 if name in self._LONG else ctypes.c_int
        return function
