"""The whole pattern of a request's route: the mounts and included routers that lead to it, never the path itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference_bench.live.asgi import App, Scope

UNMATCHED = "(unmatched)"
_MOUNTED = "(mounted)"
"""Stands for mounts whose pattern cannot be found, because their path may come from a client."""

_PARAMETER = re.compile(r"\{\w+(?::(\w+))?\}")
_MOST_KEPT = 256
_DEEPEST = 16


class Routes:
    """Finds the patterns of Starlette's and FastAPI's routes; other routers have an endpoint's name.

    Args:
        app: the application inside the middleware.
    """

    def __init__(self, app: App) -> None:
        self._app: object = app
        self._prefixes: dict[str, str] = {}  # of mounts without parameters, whose path is their pattern

    def root(self, scope: Scope) -> None:
        """Take the outermost application from the first request's scope, which inner ones overwrite."""
        self._app = scope.get("app", self._app)

    def of(self, scope: Scope, base: str) -> str:
        """Return the pattern.

        Args:
            scope: the scope after the application has routed it.
            base: its ``root_path`` before that.
        """
        route, root = scope.get("route"), scope.get("root_path", "")
        if root == base:
            path = _path(scope, route)
            return path if path is not None else getattr(scope.get("endpoint"), "__qualname__", None) or UNMATCHED
        prefix, endpoint = self._prefix(root.removeprefix(base)), scope.get("endpoint")
        if route is None or hasattr(route, "routes"):  # nothing inside the mount has matched
            if getattr(endpoint, "routes", None):
                return UNMATCHED
            name = getattr(endpoint, "__qualname__", None)
            return prefix if name is None else f"{prefix} {name}"
        return prefix + (_path(scope, route) or "")

    def _prefix(self, path: str) -> str:
        found = self._prefixes.get(path)
        if found is not None:
            return found
        pattern = next(_matches(_routes(self._app), path, _DEEPEST), _MOUNTED)
        if pattern == path and len(self._prefixes) < _MOST_KEPT:
            self._prefixes[path] = pattern
        return pattern


def _path(scope: Scope, route: object) -> str | None:
    """Return the route's pattern, with the prefixes of the FastAPI routers that include it."""
    fastapi = scope.get("fastapi")
    included = fastapi.get("effective_route_context") if isinstance(fastapi, dict) else None
    if included is not None and getattr(included, "original_route", None) is route:
        route = included
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else None


def _routes(app: object) -> Any:
    """Return the routes of an application, or of the one that it wraps."""
    for _ in range(_DEEPEST):
        routes = getattr(app, "routes", None)
        if routes is not None:
            return routes
        app = getattr(app, "app", None)
    return ()


def _matches(routes: Any, path: str, depth: int) -> Iterator[str]:
    """Yield the patterns of mounts, one inside the other, that together match the path."""
    for route in routes if depth else ():
        included = getattr(route, "original_router", None)
        if included is not None:
            pattern, inside = getattr(getattr(route, "include_context", None), "prefix", ""), included.routes
        elif hasattr(route, "routes"):
            pattern, inside = getattr(route, "path", ""), _routes(getattr(route, "app", route)) or route.routes
        else:
            continue
        match = re.match(_expression(pattern) + r"(?=/|$)", path)
        if match is None:
            continue
        rest = path[match.end() :]
        if not rest:
            yield pattern
        for further in _matches(inside, rest, depth - 1) if rest else ():
            yield pattern + further


def _expression(pattern: str) -> str:
    """Return a regular expression for a pattern such as ``/tenants/{tenant}/{rest:path}``."""
    parts, at = [], 0
    for parameter in _PARAMETER.finditer(pattern):
        parts += [re.escape(pattern[at : parameter.start()]), ".+" if parameter[1] == "path" else "[^/]+"]
        at = parameter.end()
    return "".join([*parts, re.escape(pattern[at:])])
