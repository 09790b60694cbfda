"""Check and adjust prompt and generation lengths to a model's limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError

if TYPE_CHECKING:
    from inference_bench.model.model import Model
    from inference_bench.plan import Case
    from inference_bench.spec import Axis


def check_length(model: type[Model], case: Case) -> None:
    """Refuse a prompt that is too short for the model, or too long together with its new tokens.

    Raises:
        InvalidValueError: the length is outside of the model's limits.
    """
    if case.integer("input_length") < model.min_input_length:
        least = f"at least {model.min_input_length}, the shortest prompt of {model.name}"
        raise InvalidValueError("input length", case.integer("input_length"), least)
    names = [name for name in ("input_length", "new_tokens") if name in case.parameters]
    total = sum(case.integer(name) for name in names)
    if total > model.max_input_length:
        raise InvalidValueError(
            " + ".join(name.replace("_", " ") for name in names),
            total,
            f"at most {model.max_input_length}, the positions of {model.name}",
            f"Ask for fewer with {' or '.join(f'-a {name}=N' for name in names)}.",
        )


def fitting(axes: tuple[Axis, ...], model: type[Model]) -> tuple[Axis, ...]:
    """Return the axes for a model, with default input lengths clamped to its limits.

    ``new_tokens`` is dropped for a model that cannot generate, and the lengths for one that reads no text.
    """
    if not {"generate", "serve"} & set(model.abilities):
        axes = tuple(axis for axis in axes if axis.name != "new_tokens")
    if not model.reads_text():
        return tuple(axis for axis in axes if axis.name != "input_length")
    return clamped(axes, model)


def clamped(axes: tuple[Axis, ...], model: type[Model]) -> tuple[Axis, ...]:
    """Return the axes with default input lengths within the model's limits, together with the new tokens."""
    room = model.max_input_length - max((_largest(axis) for axis in axes if axis.name == "new_tokens"), default=0)
    least = model.min_input_length
    return tuple(_within(axis, least, room) if axis.name == "input_length" else axis for axis in axes)


def _largest(axis: Axis) -> int:
    return max(value for value in axis.default if isinstance(value, int))


def _within(axis: Axis, least: int, room: int) -> Axis:
    lengths = (value for value in axis.default if isinstance(value, int))
    # Keep the order and drop duplicates: several short lengths may become one.
    return replace(axis, default=tuple(dict.fromkeys(max(min(length, room), least) for length in lengths)))
