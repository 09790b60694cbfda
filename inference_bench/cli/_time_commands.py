"""From the options of ``time`` to commands: parameters are put in, names and hooks given to each."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.timing.command import Command, Surroundings

if TYPE_CHECKING:
    import argparse

    from inference_bench.timing.spawner import Spawner

_MOST_VALUES = 10_000


def surroundings(args: argparse.Namespace, spawner: Spawner) -> Surroundings:
    """Return how the commands are started."""
    shell = "none" if args.no_shell else args.shell
    return Surroundings(
        spawner,
        shell=() if shell == "none" else tuple(shlex.split("sh" if shell == "default" else shell)),
        source=args.input,
        output="inherit" if args.show_output else args.command_output,
        ignore_failure=args.ignore_failure,
    )


def commands_of(args: argparse.Namespace, around: Surroundings) -> list[Command]:
    """Return every command for every value of the parameters; a reference comes first.

    Raises:
        UsageError: a parameter that no command holds, or a number of names or hooks that fits no number of commands.
    """
    lines = [*([args.reference] if args.reference else []), *(args.command or [])]
    setup = _only("--setup", args.setup)
    made = [
        _command(place, line, values, args, around, setup)
        for place, line in enumerate(lines)
        for values in _combinations(line, list(_parameters(args)))
    ]
    _check_parameters(args, lines)
    return _named(made, args.number or [])


def _command(
    place: int,
    line: str,
    values: Mapping[str, str],
    args: argparse.Namespace,
    around: Surroundings,
    setup: str,
) -> Command:
    def filled(text: str | None) -> str:
        return _filled(text or "", values)

    count = len(args.command or []) + bool(args.reference)
    return Command(
        line=filled(line),
        around=around,
        name=filled(line),
        parameters=values,
        setup=filled(setup),
        prepare=filled(_nth("--prepare", args.prepare, place, count)),
        conclude=filled(_nth("--conclude", args.conclude, place, count)),
        cleanup=filled(args.cleanup),
    )


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _named(commands: Sequence[Command], names: Sequence[str]) -> list[Command]:
    """Return the commands with the names that were given to the first of them."""
    if len(names) > len(commands):
        raise UsageError(f"--command-name: got {len(names)} names for {len(commands)} commands.")
    given = [*names, *("" for _ in commands[len(names) :])]
    return [replace(of, name=_filled(name, of.parameters) or of.name) for of, name in zip(commands, given, strict=True)]


def _only(option: str, given: Sequence[str] | None) -> str:
    if given and len(given) > 1:
        raise UsageError(f"{option}: got {len(given)} commands, expected one. Join them by &&.")
    return given[0] if given else ""


def _nth(option: str, given: Sequence[str] | None, place: int, count: int) -> str:
    """Return the hook of one command: the only one, or that of its place."""
    if not given:
        return ""
    if len(given) not in (1, count):
        raise UsageError(f"{option}: got {len(given)} for {count} commands, expected one, or one for each.")
    return given[0] if len(given) == 1 else given[place]


def _parameters(args: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """Yield each parameter with its values."""
    for name, low, high in args.parameter_scan or ():
        yield name, _scan(name, low, high, args.parameter_step_size)
    for name, text in args.parameter_list or ():
        yield name, text.split(",")


def _scan(name: str, low: str, high: str, step: str) -> list[str]:
    try:
        first, last, width = Decimal(low), Decimal(high), Decimal(step)
        count = int((last - first) / width) + 1
    except (InvalidOperation, ZeroDivisionError, OverflowError, ValueError):
        raise InvalidValueError(f"--parameter-scan {name}", f"{low} {high}, step {step}", "three numbers") from None
    if not 1 <= count <= _MOST_VALUES or width <= 0:
        raise InvalidValueError(
            f"--parameter-scan {name}", f"{low} {high}, step {step}", f"1 to {_MOST_VALUES} values from MIN up to MAX"
        )
    return [str(value) for value in itertools.accumulate([first, *[width] * (count - 1)])]


def _combinations(line: str, parameters: Sequence[tuple[str, list[str]]]) -> Iterator[dict[str, str]]:
    """Yield the values of the parameters, in every combination; a command without any is timed once."""
    chosen = [(name, given) for name, given in parameters if f"{{{name}}}" in line]
    for values in itertools.product(*(given for _, given in chosen)):
        yield dict(zip((name for name, _ in chosen), values, strict=True))


def _check_parameters(args: argparse.Namespace, lines: Sequence[str]) -> None:
    for name, _ in _parameters(args):
        if not any(f"{{{name}}}" in line for line in lines):
            raise UsageError(f"parameter {name!r}: got no command with {{{name}}}, expected one. Write it there.")
