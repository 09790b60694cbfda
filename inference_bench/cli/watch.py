"""``watch``: a live view of a process that profiles itself."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from inference_bench.cli._command import Command
from inference_bench.errors import InvalidValueError

if TYPE_CHECKING:
    import argparse

    from inference_bench.cli._watch_client import Watched


_TOKEN = "INFERENCE_BENCH_WATCH_TOKEN"


class WatchCommand(Command):
    """Watch a serving process that profiles itself.

    Shows rates, latencies of the last interval, memory and the profiler's own cost, once per second. The process must
    have called WatchSocket(profiler).start() or mounted a WatchEndpoint.
    """

    examples = (
        ("4242", "a process of this user, by its id"),
        ("http://127.0.0.1:8000/profile", "an endpoint that the application mounted"),
        ("4242 --once", "one table, for a script"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the target and the interval."""
        parser.add_argument("target", metavar="PID|URL", help="process id or address")
        parser.add_argument("--interval", metavar="SECONDS", type=float, default=1.0, help="time between updates")
        parser.add_argument(
            "--once", action="store_true", help="print one table over the time since the start, and end"
        )
        parser.add_argument(
            "--token",
            metavar="TEXT",
            help=f"access token of the endpoint; better in {_TOKEN}, since other users see arguments",
        )

    def run(self, args: argparse.Namespace) -> int:
        """Update the view until the watched process ends, or Ctrl-C."""
        from inference_bench.cli._watch_client import Watched

        if not 0.05 <= args.interval <= 3600:
            raise InvalidValueError("interval", args.interval, "0.05 to 3600 seconds")
        if not args.target.isdecimal() and not args.target.startswith(("http://", "https://")):
            raise InvalidValueError("target", args.target, "a process id, or an address that starts with http")
        watched = Watched(args.target, args.token or os.environ.get(_TOKEN))
        try:
            if args.once:
                from rich.console import Console

                from inference_bench.cli._watch_view import View

                view = View()
                view.add(watched.read())
                Console(file=sys.stdout).print(view.render())
                return 0
            return self._follow(watched, args.interval)
        finally:
            watched.close()

    def _follow(self, watched: Watched, interval: float) -> int:
        from rich.console import Console
        from rich.live import Live

        from inference_bench.cli._watch_view import View

        view = View()
        view.add(watched.read())
        with Live(view.render(), console=Console(file=sys.stdout), auto_refresh=False) as live:
            while True:
                time.sleep(interval)
                view.add(watched.read())
                live.update(view.render(), refresh=True)
