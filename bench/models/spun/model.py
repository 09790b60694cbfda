"""A forward pass of real arithmetic with an exactly known slowdown.

``SPUN_SLOWDOWN=0.03`` makes every call spin for 3 % of the time of its arithmetic, on the native clock, so the true
change is +3 % on any machine. It needs no torch, so a fresh process takes half a second.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference_bench import LoadSteps, Model, ResolvedWeights, Setup, TextEncoder
from inference_bench._native import now_ns

_WIDTH = 64
_LAYERS = 30


class Spun(Model):
    title = "Spun"
    description = "matrix products, then a spin for a known share of their time"
    license = "Apache-2.0"
    max_input_length = 4096
    needs_weights = False
    abilities = ("encode",)

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        with steps.step("weights"):
            random = np.random.default_rng(setup.seed)
            self._layers = [random.standard_normal((_WIDTH, _WIDTH)).astype(np.float32) for _ in range(_LAYERS)]

    def unload(self) -> None:
        self._layers = []

    def encoder(self) -> TextEncoder:
        return SpunEncoder(self._layers, float(os.environ.get("SPUN_SLOWDOWN", "0")))


class SpunEncoder(TextEncoder):
    """Multiplies matrices and ignores the text.

    Args:
        layers: matrices of shape (width, width).
        slowdown: spin after each call, as a share of its time.
    """

    def __init__(self, layers: Sequence[NDArray[np.float32]], slowdown: float) -> None:
        self._layers = layers
        self._slowdown = slowdown

    def prompt(self, length: int, batch_size: int = 1) -> Sequence[Sequence[int]]:
        return [(0,) * length] * batch_size

    def encode(self, prompt: Sequence[Sequence[int]]) -> None:
        begin_ns = now_ns()
        self._compute(len(prompt) * len(prompt[0]))
        end_ns = now_ns()
        deadline_ns = end_ns + round(self._slowdown * (end_ns - begin_ns))
        while now_ns() < deadline_ns:
            pass

    def encode_texts(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0]] * len(texts)

    def _compute(self, rows: int) -> None:
        # In place: fresh pages for every product would cost more than the product, and a varying amount.
        x = np.ones((rows, _WIDTH), np.float32)
        products = np.empty_like(x), np.empty_like(x)
        for number, layer in enumerate(self._layers):
            product = products[number % 2]
            np.matmul(x, layer, out=product)
            x = np.tanh(product, out=product)
