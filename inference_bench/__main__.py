"""``python -m inference_bench`` and the console script."""

from __future__ import annotations

import signal
import sys

_INTERRUPTED = 130
_OLDEST = (3, 11)
_TOO_OLD = "error: Python {2}.{3} ({7}): expected {0}.{1} or newer. Run inference_bench with another Python."


def main() -> int:
    """Carry out this process's command line; an interrupt while the program starts or ends is no traceback either."""
    if sys.version_info < _OLDEST:
        print(_TOO_OLD.format(*_OLDEST, *sys.version_info, sys.executable), file=sys.stderr)
        return 2
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
