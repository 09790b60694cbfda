"""What stands on a node of a Ray cluster: it holds the node, and starts the processes of shares there.

Ray gets the source of this class, not its name, so that a node with another version, or without this package, can say
so. It therefore imports only the standard library before a share starts.
"""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib.metadata import version
from typing import Any


class NodeRunner:
    """An actor: it occupies the node as long as it lives."""

    def describe(self) -> dict[str, str]:
        """Return the versions that must be the same on all nodes; an empty one is unknown or missing."""
        return versions_here()

    def start(self, request: str) -> None:
        """Start a share in a fresh process."""
        from inference_bench.orchestration.placement.share_process import ShareProcess

        self._share: Any = ShareProcess(request)

    def next_line(self) -> str | None:
        """Return the next event of the share, or None after the last."""
        line: str | None = self._share.next_line()
        return line

    def end(self) -> None:
        """Kill what is left of the share."""
        self._share.end()


def versions_here() -> dict[str, str]:
    """Return the version of Python, and the version and the commit of this package, as far as known."""
    found = {"python": platform.python_version(), "inference_bench": "not installed", "commit": ""}
    with suppress(ModuleNotFoundError):
        from inference_bench.provenance.reading import describe_tool

        found["inference_bench"] = "unknown version"
        found["commit"] = "" if (tool := describe_tool()) is None else tool.commit
        found["inference_bench"] = version("inference-bench")
    return found
