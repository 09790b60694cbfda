"""The software that measures: Python, packages, and variables of the environment that change their speed."""

from __future__ import annotations

import os
import platform
import re
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version

from inference_bench.facts import PythonFacts
from inference_bench.text import HIDDEN, is_secret, without_secrets

_PACKAGES = (
    "inference-bench",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "accelerate",
    "gguf",
    "huggingface_hub",
    "triton",
    "numpy",
    "scipy",
    "pyarrow",
    "orjson",
    "nvidia-ml-py",
)

_VARIABLES = re.compile(
    r"(OMP|KMP|GOMP|MKL|OPENBLAS|BLIS|ONEDNN|DNNL|ATEN|PYTORCH|TORCH|HF|TRANSFORMERS|TOKENIZERS|CUDA|CUBLAS|NCCL)_\w+"
    r"|(MALLOC|JEMALLOC|TCMALLOC)_\w+|PYTHON\w+|LD_PRELOAD|LD_BIND_NOW|GLIBC_TUNABLES|NVIDIA_VISIBLE_DEVICES"
)


def describe_python() -> PythonFacts:
    """Describe the interpreter; None if unknown."""
    configured = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    gil = getattr(sys, "_is_gil_enabled", None)
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "optimization_flags": str(sysconfig.get_config_var("OPT") or "") or None,
        "profile_guided": "--enable-optimizations" in configured if configured else None,
        "link_time_optimized": "--with-lto" in configured if configured else None,
        "debug_build": bool(sysconfig.get_config_var("Py_DEBUG")),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil_enabled": gil() if gil else True,
        "hash_randomization": bool(sys.flags.hash_randomization),
    }


def package_versions() -> dict[str, str | None]:
    """Return the versions of the packages that matter for speed; None if not installed."""
    return {name: _version(name) for name in _PACKAGES}


def relevant_variables() -> dict[str, str]:
    """Return the environment variables that matter for speed; "(set)" instead of a secret value."""
    return {
        name: HIDDEN if is_secret(name) else without_secrets(value)
        for name, value in sorted(os.environ.items())
        if _VARIABLES.fullmatch(name)
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
