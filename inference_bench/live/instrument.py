"""Putting a profiler's instruments on models, and taking them off again.

Everything is an attribute of the instance that shadows the class's, bound like a method: a deep copy of the model is
instrumented for itself, and removing the attribute restores the class's own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from types import MethodType
from typing import TYPE_CHECKING, Any

from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.live.generation import GenerationSeries
from inference_bench.live.gpu_time import GpuTimers

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler

_LOOP = "_has_unfinished_sequences"
"""What every decoding loop of transformers asks before each iteration, when the last token has been looked at."""


class Instruments:
    """The models that one profiler measures."""

    def __init__(self, profiler: Profiler) -> None:
        self._profiler = profiler
        self._gpu_timers = GpuTimers(profiler)
        self._shadows: weakref.WeakKeyDictionary[Any, list[_Shadow]] = weakref.WeakKeyDictionary()

    def add(self, model: Any, name: str, *, generate: bool, forward: bool, modules: str | None) -> None:
        """Instrument a model; ``Profiler.instrument`` explains. What fails leaves the model as it was."""
        if model in self._shadows:
            raise UsageError(
                f"model {type(model).__name__} is instrumented already: expected one that is not. Call uninstrument()."
            )
        shadows = [*self._of_generate(model, name)] if generate else []
        if forward:
            shadows.append(self._of_forward(model, model, name, "forward"))
        if modules is not None:
            shadows += self._of_modules(model, name, modules)
        for shadow in shadows:
            shadow.put()
        self._shadows[model] = shadows

    def remove(self, model: Any) -> None:
        """Undo ``add``."""
        shadows = self._shadows.pop(model, None)
        if shadows is None:
            raise UsageError(f"model {type(model).__name__} is not instrumented: expected one that instrument() took.")
        for shadow in reversed(shadows):
            shadow.remove()

    def _of_generate(self, model: Any, name: str) -> Iterator[_Shadow]:
        if not callable(getattr(model, "generate", None)) or not callable(getattr(model, _LOOP, None)):
            raise InvalidValueError(
                "model",
                type(model).__name__,
                "a transformers model with generate()",
                "Give generate=False, and forward=True or modules=, to time any other.",
            )
        series = GenerationSeries(self._profiler, name, self._gpu_timers.of(model))
        yield _Shadow(model, "generate", series.around_generate)
        yield _Shadow(model, _LOOP, series.around_loop)
        if callable(getattr(model, "generate_batch", None)):
            yield _Shadow(model, "generate_batch", series.around_generate_batch)

    def _of_modules(self, model: Any, name: str, pattern: str) -> list[_Shadow]:
        found = [(path, module) for path, module in model.named_modules() if fnmatchcase(path, pattern)]
        if not found:
            known = ", ".join(path for path, _ in list(model.named_modules())[1:6])
            raise InvalidValueError("modules", pattern, f"a pattern that some module's name matches: {known} …")
        return [self._of_forward(model, module, name, path) for path, module in found]

    def _of_forward(self, model: Any, module: Any, name: str, path: str) -> _Shadow:
        """Time a module's ``forward`` on the host and, of a model on a GPU, there."""
        span, gpu = self._profiler.span(f"{name}.{path}"), self._gpu_timers.of(model)
        if gpu is None:
            return _Shadow(module, "forward", span)
        histogram = self._profiler.histogram("gpu_time", model=name, module=path)
        return _Shadow(module, "forward", lambda forward: span(gpu.around(forward, histogram)))


class _Shadow:
    """One attribute of one instance that hides the method of its class."""

    def __init__(self, owner: Any, attribute: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        self._owner = weakref.ref(owner)
        self._attribute = attribute
        self._earlier = vars(owner).get(attribute)  # another tool's shadow, such as accelerate's
        if self._earlier is None:
            self._method: Any = MethodType(wrap(getattr(type(owner), attribute)), owner)
        else:
            self._method = wrap(self._earlier)

    def put(self) -> None:
        setattr(self._owner(), self._attribute, self._method)

    def remove(self) -> None:
        """Take it away, unless another tool has put its own over it: that one calls this one, which stays harmless."""
        owner = self._owner()
        if owner is None or vars(owner).get(self._attribute) is not self._method:
            return
        if self._earlier is None:
            delattr(owner, self._attribute)
        else:
            setattr(owner, self._attribute, self._earlier)
