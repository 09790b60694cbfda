"""A command, timed in fresh processes, with what runs before and after it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from inference_bench.errors import InferenceBenchError, UsageError
from inference_bench.timing.record import Floor, ProcessTimes
from inference_bench.timing.rounds import RoundLimits, Rounds, Watcher, measure_rounds
from inference_bench.timing.spawner import Spawner

_FLOOR_RUNS = 11


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How all commands are started.

    Attributes:
        spawner: starts them.
        shell: words of the shell that reads a command, such as ``sh``; empty to start commands without one.
        source: standard input, as for ``Spawner.run``.
        output: standard output, as for ``Spawner.run``.
        ignore_failure: whether a command may end with another exit code than 0.
    """

    spawner: Spawner
    shell: tuple[str, ...] = ("sh",)
    source: str = "null"
    output: str = "null"
    ignore_failure: bool = False

    def run(self, command: str) -> ProcessTimes:
        """Run a command line once."""
        return self.spawner.run(self._words(command), source=self.source, output=self.output)

    def floor(self) -> Floor:
        """Return what a command takes that does nothing: an empty line of the shell, or ``true``."""
        words = [*self.shell, "-c", ""] if self.shell else ["true"]
        found = [self.spawner.run(words) for _ in range(_FLOOR_RUNS)]
        what = "starting an empty shell" if self.shell else "starting an empty process"
        peak_bytes = max(process.peak_rss_bytes or 0 for process in found)
        return Floor(what, median(process.figure_ns for process in found), peak_bytes)

    def _words(self, command: str) -> list[str]:
        if self.shell:
            return [*self.shell, "-c", command]
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"command {command!r}: {error}, expected words as a shell writes them.") from None
        if not words:
            raise UsageError("command: got nothing, expected a program and its arguments.")
        return words


@dataclass(frozen=True, slots=True)
class Command:
    """A command line with its hooks, which are command lines as well; empty for none.

    Attributes:
        line: what is timed.
        around: how it is started.
        name: for people.
        parameters: values of the parameters by name, already put into every line.
        setup: once, before the first run.
        prepare: before each run, warm-up runs as well.
        conclude: after each run.
        cleanup: once, after the last run.
    """

    line: str
    around: Surroundings
    name: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    setup: str = ""
    prepare: str = ""
    conclude: str = ""
    cleanup: str = ""

    def begin(self, warmups: int) -> None:
        """Run the set-up, then the command a number of times untimed.

        Raises:
            InferenceBenchError: one of them fails.
        """
        self._hook("--setup", self.setup)
        for _ in range(warmups):
            self.measure()

    def measure(self) -> ProcessTimes:
        """Run the command once in a fresh process.

        Raises:
            InferenceBenchError: it, or what is to be run before or after it, fails.
        """
        self._hook("--prepare", self.prepare)
        ended = self.around.run(self.line)
        if ended.exit_code and not self.around.ignore_failure:
            raise InferenceBenchError(
                f"command {self.line!r}: {_how(ended.exit_code)}, expected exit code 0. --show-output shows what it "
                "says; --ignore-failure times it all the same."
            )
        self._hook("--conclude", self.conclude)
        return ended

    def end(self) -> None:
        """Run the clean-up.

        Raises:
            InferenceBenchError: it fails.
        """
        self._hook("--cleanup", self.cleanup)

    def _hook(self, option: str, line: str) -> None:
        if not line:
            return
        ended = self.around.run(line)
        if ended.exit_code:
            raise InferenceBenchError(f"{option} {line!r}: {_how(ended.exit_code)}, expected exit code 0.")


def _how(exit_code: int) -> str:
    return f"ended by signal {-exit_code}" if exit_code < 0 else f"ended with exit code {exit_code}"


def measure_commands(
    commands: Sequence[Command],
    limits: RoundLimits,
    warmups: int = 0,
    watcher: Watcher | None = None,
    *,
    in_blocks: bool = False,
) -> Rounds:
    """Measure commands in turn, or one after another, each between its set-up and its clean-up.

    Args:
        commands: at least one.
        limits: when to stop; in blocks those of each command.
        warmups: untimed runs of each command before the first round.
        watcher: is told after each run.
        in_blocks: one after another.

    Raises:
        InferenceBenchError: a command, or what runs before or after it, fails.
    """
    if not in_blocks:
        return _measure(commands, limits, warmups, watcher)
    found: list[Rounds] = []
    for command in commands:
        found.append(_measure([command], limits, warmups, watcher))
        if found[-1].interrupted:
            break
    return Rounds(tuple(record for rounds in found for record in rounds.records), found[-1].interrupted)


def _measure(commands: Sequence[Command], limits: RoundLimits, warmups: int, watcher: Watcher | None) -> Rounds:
    with ExitStack() as stack:
        for command in commands:
            stack.callback(command.end)
            command.begin(warmups)
        return measure_rounds(commands, limits, watcher)
