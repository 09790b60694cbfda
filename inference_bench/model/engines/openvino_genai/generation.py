"""What OpenVINO GenAI is asked for: greedy generation of a given number of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np


def greedy(new_tokens: int) -> Any:
    """Return the configuration; no token ends the text."""
    library: Any = import_module("openvino_genai")
    return library.GenerationConfig(max_new_tokens=new_tokens, ignore_eos=True, eos_token_id=0, do_sample=False)


def as_tensor(ids: Sequence[int]) -> Any:
    """Return a prompt as one row."""
    library: Any = import_module("openvino")
    return library.Tensor(np.asarray([ids], np.int64))
