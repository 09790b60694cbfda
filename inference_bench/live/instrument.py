"""Put instruments on models, and remove them.

An instrument is an attribute of the instance that shadows a method of its class and is bound like one. So a deep copy
of the model runs its own weights, and removing the attribute restores the method.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from types import MethodType
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.live.generation import GenerationSeries
from inference_bench.live.gpu_time import GpuTimers

if TYPE_CHECKING:
    from inference_bench.live.model_protocols import Method, Module
    from inference_bench.live.sampling import Sampling
    from inference_bench.live.series_book import SeriesBook

_LOOP = "_has_unfinished_sequences"
"""Method that every decoding loop of transformers calls before each iteration, after it has checked the last token."""
_LENGTHS = "_prepare_generated_length"
"""Method that ``generate`` calls before the loop, with the length of the sequences that it begins with."""


class Instruments:
    """The models that one profiler measures.

    Args:
        book: holds their series.
        sampling: chooses the generations that are recorded in detail.
        add_harvester: has a function called at each collection.
    """

    def __init__(
        self, book: SeriesBook, sampling: Sampling, add_harvester: Callable[[Callable[[], object]], object]
    ) -> None:
        self._book = book
        self._sampling = sampling
        self._gpu_timers = GpuTimers(add_harvester)
        self._shadows: weakref.WeakKeyDictionary[Module, list[_Shadow]] = weakref.WeakKeyDictionary()

    def add(self, model: Module, name: str, *, generate: bool, forward: bool, modules: str | None) -> None:
        """Instrument a model as ``Profiler.instrument`` says. A failure leaves the model unchanged."""
        if not (generate or forward or modules):
            raise InvalidValueError(
                "instrument", "generate=False alone", "something to measure: forward=True or modules="
            )
        compiled, model = model, _original(model)
        if model in self._shadows:
            raise UsageError(
                f"model {type(model).__name__} is instrumented already: expected another. Call uninstrument() first."
            )
        shadows = [*self._of_generate(model, name)] if generate else []
        if forward:
            shadows.append(self._of_forward(model, compiled, name, "forward"))
        if modules is not None:
            _refuse_compiled(model, compiled)
            shadows += self._of_modules(model, name, modules)
        for shadow in shadows:
            shadow.put()
        self._shadows[model] = shadows

    def remove(self, model: Module) -> None:
        """Undo ``add``."""
        model = _original(model)
        shadows = self._shadows.pop(model, None)
        if shadows is None:
            raise UsageError(f"model {type(model).__name__} is not instrumented: expected an instrumented one.")
        for shadow in reversed(shadows):
            shadow.remove()

    def _of_generate(self, model: Module, name: str) -> Iterator[_Shadow]:
        if not callable(getattr(model, "generate", None)) or not callable(getattr(model, _LOOP, None)):
            raise InvalidValueError(
                "model",
                type(model).__name__,
                "a transformers model with generate()",
                "For other models, give generate=False with forward=True or modules=.",
            )
        series = GenerationSeries(self._book, self._sampling, name, self._gpu_timers.of(model))
        yield _Shadow(model, "generate", series.around_generate)
        yield _Shadow(model, _LOOP, series.around_loop)
        if callable(getattr(model, _LENGTHS, None)) and not _strips_prompt(model):
            yield _Shadow(model, _LENGTHS, series.around_lengths)
        if callable(getattr(model, "generate_batch", None)):
            yield _Shadow(model, "generate_batch", series.around_generate_batch)

    def _of_modules(self, model: Module, name: str, pattern: str) -> list[_Shadow]:
        found = [(path, module) for path, module in model.named_modules() if fnmatchcase(path, pattern)]
        if not found:
            known = ", ".join(path for path, _ in list(model.named_modules())[1:6])
            raise InvalidValueError("modules", pattern, f"a pattern that matches a module's name: {known} …")
        return [self._of_forward(model, module, name, path) for path, module in found]

    def _of_forward(self, model: Module, module: Module, name: str, path: str) -> _Shadow:
        """Return a shadow that times ``forward`` on the host and, for a model on a GPU, on the GPU."""
        span, gpu = self._book.spans.get(f"{name}.{path}"), self._gpu_timers.of(model)
        if gpu is None:
            return _Shadow(module, "forward", span)
        histogram = self._book.histogram("gpu_time", {"model": name, "module": path})
        return _Shadow(module, "forward", lambda forward: span(gpu.around(forward, histogram)))


def _strips_prompt(model: Module) -> bool:
    """Return whether ``generate`` returns new tokens only, as Whisper's does, which takes the decoder's prompt away."""
    return "Whisper" in getattr(getattr(type(model), "generate", None), "__qualname__", "")


def _original(model: Module) -> Module:
    """Return the module inside a result of ``torch.compile``, whose methods are those of the original."""
    original: Module = vars(model).get("_modules", {}).get("_orig_mod", model)
    return original


def _refuse_compiled(model: Module, given: Module) -> None:
    """Raise if a compiler has taken the model's modules into one graph, where none of them is called.

    Raises:
        InvalidValueError: it has.
    """
    if given is not model or vars(model).get("_compiled_call_impl") is not None:
        advice = "Give forward=True, which times the compiled call, or instrument before torch.compile()."
        raise InvalidValueError("modules", type(given).__name__, "a model that is not compiled", advice)


class _Shadow:
    """An attribute of an instance that hides a method of its class."""

    def __init__(self, owner: object, attribute: str, wrap: Callable[[Method], Method]) -> None:
        self._owner = weakref.ref(owner)
        self._attribute = attribute
        self._earlier = vars(owner).get(attribute)  # another tool's shadow, such as accelerate's
        if self._earlier is None:
            self._method: Method = MethodType(wrap(getattr(type(owner), attribute)), owner)
        else:
            self._method = wrap(self._earlier)

    def put(self) -> None:
        setattr(self._owner(), self._attribute, self._method)

    def remove(self) -> None:
        """Remove it, unless another tool has shadowed it since: that tool calls this method, which stays harmless."""
        owner = self._owner()
        if owner is None or vars(owner).get(self._attribute) is not self._method:
            return
        if self._earlier is None:
            delattr(owner, self._attribute)
        else:
            setattr(owner, self._attribute, self._earlier)
