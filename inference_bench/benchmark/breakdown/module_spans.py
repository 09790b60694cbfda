"""Each forward of each module of a network as a native span, by hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from inference_bench._native import Span, span

PREFIX = "module "
"""What the name of a module's span begins with, before its path."""


@contextmanager
def module_spans(network: Any) -> Iterator[None]:
    """Record every forward of every module of a ``torch.nn.Module``, itself included, while the block runs.

    A span has all other hooks of its module in it. The path of the network itself is the name of its class.
    """
    handles = []
    try:
        for path, module in network.named_modules():
            of_module = span(PREFIX + (path or type(module).__name__))
            handles.append(module.register_forward_pre_hook(_begin(of_module), prepend=True))
            handles.append(module.register_forward_hook(_end(of_module), always_call=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _begin(of_module: Span) -> Callable[..., None]:
    enter = of_module.__enter__

    def begin(*_: object) -> None:  # what it returned would replace the inputs
        enter()

    return begin


def _end(of_module: Span) -> Callable[..., None]:
    leave = of_module.__exit__

    def end(*_: object) -> None:
        leave(None, None, None)

    return end
