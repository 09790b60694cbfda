"""Which of the two interfaces of OpenAI's an endpoint is asked by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.errors import UnknownNameError
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.plan import Case

_APIS = ("chat", "completions")

API = Axis("api", ("chat",), help="interface of an endpoint: chat (/chat/completions) or completions (/completions)")


def api_of(case: Case) -> str:
    """Return the interface of a case.

    Raises:
        UnknownNameError: there is no such interface.
    """
    api = str(case.parameters.get(API.name, API.default[0]))
    if api not in _APIS:
        raise UnknownNameError("api", api, _APIS)
    return api
