"""``watch``: a live view of processes that profile themselves."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from inference_bench.cli._command import Command
from inference_bench.errors import InvalidValueError

if TYPE_CHECKING:
    import argparse


_TOKEN = "INFERENCE_BENCH_WATCH_TOKEN"


class WatchCommand(Command):
    """Watch serving processes that profile themselves.

    Shows rates, latencies of the last interval, memory and the profiler's own cost, once per second, in groups. Keys
    sort, filter and scroll; ? explains them, q quits. Without a terminal, one text follows the other. Each process
    must have called WatchSocket(profiler).start() or mounted a WatchEndpoint.
    """

    examples = (
        ("4242", "a process of this user, by its id"),
        ("4242 4243", "two workers, each with its own rows"),
        ("http://127.0.0.1:8000/profile/", "an endpoint that the application mounted"),
        ("4242 --once", "one table, for a script"),
        ("4242 --filter http --sort p99", "the rows with this word, the slowest first"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the targets, the interval and what to show."""
        from inference_bench.cli._watch.look import SORTS

        parser.add_argument("targets", metavar="PID|URL", nargs="+", help="process id or address")
        parser.add_argument("--interval", metavar="SECONDS", type=float, default=1.0, help="time between updates")
        parser.add_argument(
            "--once", action="store_true", help="print one table over the time since the start, and end"
        )
        parser.add_argument("--sort", choices=SORTS, default=SORTS[0], help="order of the rows in each group")
        parser.add_argument("--filter", metavar="WORDS", default="", help="only rows with each of these words")
        parser.add_argument(
            "--token",
            metavar="TEXT",
            help=f"access token of the endpoint; better in {_TOKEN}, since other users see arguments",
        )

    def run(self, args: argparse.Namespace) -> int:
        """Update the view until ``q``, Ctrl-C, or the last process ends."""
        from inference_bench.cli._watch.client import Watched
        from inference_bench.cli._watch.following import follow_on_terminal, follow_plain, print_once
        from inference_bench.cli._watch.look import Look
        from inference_bench.cli._watch.terminal import is_terminal
        from inference_bench.cli._watch.view import View

        _check(args.targets, args.interval)
        token = args.token or os.environ.get(_TOKEN)
        view = View(Look(sort=args.sort, words=args.filter))
        with ExitStack() as connections:
            watched = {
                target: connections.enter_context(closing(Watched(target, token)))
                for target in dict.fromkeys(args.targets)
            }
            for target, process in watched.items():
                view.add(process.read(), target)
            if args.once:
                print_once(view)
            else:
                (follow_on_terminal if is_terminal() else follow_plain)(watched, view, args.interval)
        return 0


def _check(targets: list[str], interval_s: float) -> None:
    if not 0.05 <= interval_s <= 3600:
        raise InvalidValueError("interval", interval_s, "0.05 to 3600 seconds")
    for target in targets:
        if not target.isdecimal() and not target.startswith(("http://", "https://")):
            raise InvalidValueError("target", target, "a process id, or an address that starts with http")
