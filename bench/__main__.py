"""``python -m bench [NAME …]``: run the benches by name, or all of them; ``--list`` names them."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import bench

_LIBRARY = {"__main__", "cold", "endpoint", "interleave", "peers", "synthetic_sweep"}


def names() -> list[str]:
    """Return the runnable modules of this package."""
    return sorted(info.name for info in pkgutil.iter_modules(bench.__path__) if info.name not in _LIBRARY)


def summary(name: str) -> str:
    """Return the first line of a bench's docstring, read without importing it: its peers may not be installed."""
    source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def main() -> int:
    """Run each asked-for bench in a process of its own; exit with 1 if any of them missed what it checks."""
    asked = sys.argv[1:]
    if asked == ["--list"]:
        for name in names():
            print(f"{name:18} {summary(name)}")
        return 0
    unknown = sorted(set(asked) - set(names()))
    if unknown:
        print(f"error: unknown bench {unknown[0]!r}. Known: {', '.join(names())}.", file=sys.stderr)
        return 2
    failed = 0
    for name in asked or names():
        print(f"== bench.{name}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
