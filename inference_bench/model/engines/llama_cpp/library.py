"""The shared library of llama.cpp, and what it logs."""

from __future__ import annotations

import os
import re
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Any

from inference_bench.errors import WeightsError

_ERROR = 4
"""``GGML_LOG_LEVEL_ERROR``."""
_KEPT = 20
"""Lines that are kept of the log."""


VARIABLE = "LLAMA_CPP_LIB"
"""Names a libllama.so that is used instead of the one in the wheel; the wheel's version says which builds fit."""


class Library:
    """llama.cpp's functions by cffi.

    Attributes:
        ffi, lib: of the package ``llama_cpp_py_sync``.

    Raises:
        WeightsError: the library cannot be loaded on this machine.
    """

    def __init__(self) -> None:
        bindings: Any = import_module("llama_cpp_py_sync._cffi_bindings")
        self.ffi: Any = bindings.get_ffi()
        given = os.environ.get(VARIABLE)
        try:
            self.lib: Any = self.ffi.dlopen(given) if given else bindings.get_lib()
        except (OSError, RuntimeError) as error:
            raise WeightsError(_reason(error, given)) from None
        self._errors: list[str] = []
        self._callback = self.ffi.callback("void(enum ggml_log_level, const char *, void *)", self._log)
        self.lib.llama_log_set(self._callback, self.ffi.NULL)
        self.lib.llama_backend_init()

    def said(self) -> str:
        """Return the last errors that it logged, as one line."""
        return " ".join("".join(self._errors).split()) or "no reason given"

    def _log(self, level: int, text: Any, _: object) -> None:
        if level >= _ERROR:
            self._errors = [*self._errors, self.ffi.string(text).decode(errors="replace")][-_KEPT:]

    def system_info(self) -> str:
        """Return what it was built for, and what of it runs here."""
        return str(self.ffi.string(self.lib.llama_print_system_info()).decode().strip())


def _reason(error: Exception, given: str | None) -> str:
    """Return why a library cannot be loaded, in a line that says what to do."""
    said = " ".join(str(error).split())
    needed = re.search(r"version `(GLIBC_[\d.]+)' not found", said)
    if needed and not given:
        tag = version("llama-cpp-py-sync")
        return (
            f"llama.cpp: the library in the wheel llama-cpp-py-sync {tag} needs {needed[1]}, which this system lacks. "
            f"Build libllama.so of llama.cpp b{tag.rpartition('.')[2]} and name it in {VARIABLE}."
        )
    return f"llama.cpp: {given or 'the library in the wheel'} cannot be loaded: {said}"


@cache
def load_library() -> Library:
    """Return the library, loaded once."""
    return Library()
