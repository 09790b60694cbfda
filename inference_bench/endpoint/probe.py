"""What a server is and can: its models, its software, its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from inference_bench.endpoint.client import Client, Reply
from inference_bench.endpoint.key import VARIABLE
from inference_bench.errors import EndpointError, UnknownNameError

_UNAUTHORIZED = (401, 403)
_ABSENT = (404, 405, 501)
_OPTIONAL_TIMEOUT_S = 5.0

Details = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server says of itself.

    Attributes:
        software: ``vllm``, ``llama.cpp``, ``sglang``, or what its header ``Server`` says; may be empty.
        version: of the software; empty where it does not say.
        model: the name that requests are sent with.
        models: all names that it serves.
        most_tokens: prompt and answer together, at most; None where it does not say.
        tokenizes: whether it counts tokens by ``/tokenize``.
        has_metrics: whether it has ``/metrics``.
        details: more of its limits and settings.
    """

    software: str
    version: str
    model: str
    models: tuple[str, ...]
    most_tokens: int | None = None
    tokenizes: bool = False
    has_metrics: bool = False
    details: Details = field(default_factory=dict)

    @property
    def shown_model(self) -> str:
        """The model's name for tables and files: of a path, the last part."""
        return shown_model(self.model)


def shown_model(name: str) -> str:
    """Return a model's name for tables and files: of a path, the last part.

    >>> shown_model("/srv/models/tiny.Q4_1.gguf"), shown_model("owner/name")
    ('tiny.Q4_1.gguf', 'owner/name')
    """
    return PurePath(name).name if name.startswith(("/", "./", "~")) or ":\\" in name else name


def probe(client: Client, model: str | None = None) -> ServerFacts:
    """Return what a server is and can.

    Args:
        client: for the endpoint's address.
        model: the name that the user gives; None where the server has one model.

    Raises:
        EndpointError: no server, no OpenAI API at this path, no access, or several models and none named.
        UnknownNameError: the server has no model of this name.
    """
    reply = client.get("/models")
    models = _models(client, reply, model)
    at_root = client.at(client.address.root, _OPTIONAL_TIMEOUT_S)
    about = _about(at_root)
    named = _named(client, models, model)
    entry = models.get(named, {})
    return ServerFacts(
        software=about.software or _owner(entry) or reply.headers.get("server", ""),
        version=about.version,
        model=named,
        models=tuple(models),
        most_tokens=about.most_tokens or _whole(entry.get("max_model_len")),
        tokenizes=_tokenizes(at_root, named),
        has_metrics=_has_metrics(at_root),
        details=about.details,
    )


def _models(client: Client, reply: Reply, model: str | None) -> dict[str, Mapping[str, Any]]:
    """Return the entries of ``/models`` by name; of a server without that route, the model that the user names."""
    if reply.status in _UNAUTHORIZED:
        advice = "Check the key." if client.has_key else f"Set the key: export {VARIABLE}=…"
        raise EndpointError(f"endpoint {client.address}: got {reply.said}, expected access. {advice}")
    entries = reply.fields().get("data")
    if reply.is_success and isinstance(entries, list):
        return {entry["id"]: entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)}
    if reply.status in _ABSENT and model is not None:
        return {model: {}}
    advice = "Check the path, such as /v1; for a server without this route, name the model (--endpoint-model)."
    expected = "a list of models"
    raise EndpointError(f"endpoint {client.address}: /models got {reply.said}, expected {expected}. {advice}")


def _named(client: Client, models: Mapping[str, object], model: str | None) -> str:
    """Return the server's name of the model that the user means."""
    if model is None and len(models) == 1:
        return next(iter(models))
    if model is None:
        known = ", ".join(sorted(map(shown_model, models))) or "none"
        advice = f"Name one: --endpoint-model NAME. Known: {known}."
        raise EndpointError(f"endpoint {client.address}: got {len(models)} models, expected one. {advice}")
    for name in models:
        if model in (name, shown_model(name)):
            return name
    raise UnknownNameError(f"model of {client.address}", model, map(shown_model, models))


@dataclass(frozen=True, slots=True)
class _About:
    software: str = ""
    version: str = ""
    most_tokens: int | None = None
    details: Details = field(default_factory=dict)


def _about(client: Client) -> _About:
    """Ask for the routes that only one kind of server has; what all of them lack leaves everything unknown."""
    for route, read in _ROUTES.items():
        reply = _optional(client.get, route)
        if reply is not None and (fields := reply.fields()) and (about := read(fields)) is not None:
            return about
    return _About()


def _optional(ask: Callable[..., Reply], *question: Any) -> Reply | None:
    """Return the answer to a question that a server need not know, or None."""
    try:
        reply = ask(*question)
    except EndpointError:
        return None
    return reply if reply.is_success else None


def _llama_cpp(fields: Mapping[str, Any]) -> _About | None:
    settings = fields.get("default_generation_settings")
    if not isinstance(settings, dict):
        return None
    details = _scalars({"slots": fields.get("total_slots"), "weights": fields.get("model_ftype")})
    return _About("llama.cpp", str(fields.get("build_info", "")), _whole(settings.get("n_ctx")), details)


def _sglang(fields: Mapping[str, Any]) -> _About | None:
    if "tp_size" not in fields and "max_total_num_tokens" not in fields:
        return None
    names = ("tp_size", "dp_size", "max_total_num_tokens", "max_running_requests", "quantization", "dtype")
    details = _scalars({name: fields.get(name) for name in names})
    return _About("sglang", str(fields.get("version", "")), _whole(fields.get("context_length")), details)


def _vllm(fields: Mapping[str, Any]) -> _About | None:
    version = fields.get("version")
    return _About("vllm", version) if isinstance(version, str) else None


_ROUTES: Mapping[str, Callable[[Mapping[str, Any]], _About | None]] = {
    "/props": _llama_cpp,
    "/server_info": _sglang,
    "/get_server_info": _sglang,
    "/version": _vllm,
}


def _scalars(fields: Mapping[str, Any]) -> dict[str, str | int]:
    return {name: value for name, value in fields.items() if isinstance(value, str | int)}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _owner(entry: Mapping[str, Any]) -> str:
    """Return the software that ``owned_by`` names."""
    return {"llamacpp": "llama.cpp", "vllm": "vllm", "sglang": "sglang"}.get(str(entry.get("owned_by")), "")


def _tokenizes(client: Client, model: str) -> bool:
    reply = _optional(client.post, "/tokenize", {"model": model, "prompt": "a", "content": "a"})
    return reply is not None and bool(reply.fields().get("tokens"))


def _has_metrics(client: Client) -> bool:
    reply = _optional(client.get, "/metrics")
    return reply is not None and not reply.headers.get("content-type", "").startswith("text/html")
