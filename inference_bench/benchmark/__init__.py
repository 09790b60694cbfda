"""How a case is measured: the interface of a benchmark, Measurement, function timing, accuracy tasks.

``from inference_bench import benchmark`` finds this package, and the decorator of the same name is what a user means by
it: calling the package decorates.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


class _Package(ModuleType):
    """This package, which is also the decorator."""

    def __call__(self, function: F) -> F:
        """Make a function a benchmark; see ``inference_bench.benchmark.function.benchmark``."""
        from inference_bench.benchmark.function import benchmark

        return benchmark(function)


sys.modules[__name__].__class__ = _Package
