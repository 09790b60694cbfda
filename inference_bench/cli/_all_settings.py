"""All settings that are made on this machine, of every command, for ``env``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from inference_bench.cli._command import command_names, load_command
from inference_bench.cli._parser import Parser
from inference_bench.cli._settings import PREFIX, Setting, find_file, settings_by_source, variable_of
from inference_bench.errors import PluginError
from inference_bench.text import HIDDEN, is_secret

VARIABLES = {
    f"{PREFIX}CACHE": "folder of the cached weights",
    f"{PREFIX}CLOCK": "source of time: tsc or monotonic_raw (on aarch64 cntvct_el0 or monotonic_raw)",
    f"{PREFIX}LIBCUDA": "path of the CUDA driver's library",
    f"{PREFIX}LIBNVML": "path of NVML's library",
}
"""Variables that stand for no option."""

_OF_TOOLS = (f"{PREFIX}TREE", f"{PREFIX}WERROR", f"{PREFIX}KILLS")
"""Variables of our own processes, build and tests."""


def all_settings() -> list[dict[str, str]]:
    """Return each setting: the commands and the option that it holds for, its value, and where it stands.

    Raises:
        UsageError: a key or value is refused.
    """
    if find_file(Path.cwd()) is None and not any(name.startswith(PREFIX) for name in os.environ):
        return []
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name in command_names():
        for setting in _settings_of(name):
            row = {"setting": setting.option, "commands": name, "value": setting.value, "from": setting.place}
            known = found.setdefault((setting.option, setting.place), row)
            if known is not row:
                known["commands"] += f", {name}"
    return [*map(_without_secret, found.values()), *_other_variables()]


def unread_variables() -> list[str]:
    """Return the variables with our prefix that nothing reads: misspelt ones."""
    known = {*VARIABLES, *_OF_TOOLS}
    given = [name for name in os.environ if name.startswith(PREFIX) and name not in known]
    if not given:
        return []
    for name in command_names():
        with suppress(PluginError):
            for action in Parser(load_command(name)).settable:
                option = action.option_strings[-1]
                known |= {variable_of(option), variable_of(option, name)}
    return sorted(set(given) - known)


def _settings_of(name: str) -> Iterator[Setting]:
    with suppress(PluginError):
        for source in settings_by_source(Parser(load_command(name))):
            yield from source


def _other_variables() -> Iterator[dict[str, str]]:
    for name, meaning in VARIABLES.items():
        if os.environ.get(name):
            yield {"setting": meaning, "commands": "all", "value": os.environ[name], "from": name}


def _without_secret(row: dict[str, str]) -> dict[str, str]:
    return row | {"value": HIDDEN} if is_secret(row["setting"]) else row
