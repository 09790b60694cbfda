"""``env``: the machine as this tool sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_bench.analysis.trust.environment_warnings import environment_warnings
from inference_bench.cli._all_settings import all_settings, unread_variables
from inference_bench.cli._columns import aligned
from inference_bench.cli._command import Command
from inference_bench.cli._outputs import PLAIN_FORMATS, add_output_options, outputs_of, write_plain
from inference_bench.errors import RunFormatError
from inference_bench.machine.environment import describe_environment
from inference_bench.units import format_bytes, format_ns

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from inference_bench.ceilings import Ceilings


_UNITS: dict[str, Callable[[float], str]] = {
    "bytes": format_bytes,
    "ns": format_ns,
    "s": lambda value: f"{value:.0f} s",
    "hz": lambda value: f"{value / 1e9:.6g} GHz",
    "khz": lambda value: f"{value / 1e6:.3g} GHz",
    "percent": lambda value: f"{value:g} %",
    "ppm": lambda value: f"{value:.3g} ppm",
}
"""By the last word of a name."""


class EnvCommand(Command):
    """Describe the machine, the software, the clock and your settings, and what may disturb a measurement.

    Every run stores the same description of the machine. Facts that cannot be read are left out. Settings are the
    options that pyproject.toml and variables give, with the place of each.
    """

    examples = (("", "for people"), ("--json", "for another program"))

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the format."""
        add_output_options(parser, PLAIN_FORMATS)

    def run(self, args: argparse.Namespace) -> int:
        """Print the description."""
        outputs = outputs_of(args, PLAIN_FORMATS)
        environment = describe_environment()
        found = {
            **environment,
            "clock": _clock(),
            "ceilings": _ceilings(environment),
            "settings": all_settings(),
            "warnings": _warnings(environment),
        }
        write_plain(found, lambda: _lines(found), outputs)
        return 0


def _warnings(environment: Mapping[str, Any]) -> list[str]:
    unread = [f"the variable {name} is not read: no command has such an option" for name in unread_variables()]
    return [*environment_warnings(environment), *unread]


def _ceilings(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return for each device whether its ceilings are known."""
    from inference_bench.results.ceilings_store import load_all_ceilings

    try:
        known = load_all_ceilings(str(environment.get("fingerprint")))
    except RunFormatError as error:
        return {"unreadable": str(error)}
    return {"cpu": "not measured: see the command ceilings", **{name: _known(of) for name, of in known.items()}}


def _known(ceilings: Ceilings) -> str:
    from inference_bench.reports._pages.ceilings_remarks import busy_words

    busy = busy_words(ceilings)
    parts = f"measured {ceilings.measured_utc}", busy, "old" if ceilings.is_old() else ""
    return ", ".join(filter(None, parts))


def _clock() -> dict[str, object]:
    """Return the clock's description, or the error if the native module is missing."""
    try:
        from inference_bench._native import clock_describe
    except ImportError as error:
        return {"missing": str(error)}
    return dict(clock_describe())


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    for name, section in found.items():
        if not section:
            continue
        if name == "settings":
            yield name
            yield from aligned([tuple(row.values()) for row in found["settings"]], indent="  ")
            continue
        yield f"{name}" if isinstance(section, (dict, list)) else f"{name}  {section}"
        if isinstance(section, dict):
            yield from aligned([_row(key, value) for key, value in section.items()], indent="  ")
        elif isinstance(section, list):
            yield from (f"  {item if isinstance(item, str) else _joined(item)}" for item in section)


def _joined(facts: Mapping[str, object]) -> str:
    return ", ".join(" ".join(_row(key, value)) for key, value in facts.items())


def _row(name: str, value: object) -> tuple[str, str]:
    stem, _, unit = name.rpartition("_")
    if unit in _UNITS and isinstance(value, (int, float)):
        return stem.replace("_", " "), _UNITS[unit](value)
    if isinstance(value, dict):
        text = ", ".join(f"{key} {format_bytes(item)}" for key, item in value.items())  # the caches
    elif isinstance(value, list):
        text = " ".join(map(str, value))
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = str(value)
    return name.replace("_", " "), text
