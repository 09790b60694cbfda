"""``python -m inference_bench`` and the console script."""

from __future__ import annotations

import signal
import sys

_INTERRUPTED = 130


def main() -> int:
    """Carry out this process's command line; an interrupt while the program starts or ends is no traceback either."""
    try:
        from inference_bench.cli import main as carry_out

        return carry_out()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
