"""What can be changed about a case on the machine that advice is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Possible:
    """Values that a set-up may take.

    Attributes:
        dtypes: of the engine that the case runs in.
        engines: other engines that run the model here → their dtypes.
        compiles: whether ``torch.compile`` can be used.
        batches: whether the model can be measured in batches.
        fuses_attention: whether the engine has a choice of attention, one that keeps no scores among them.
        refused: change in the words of ``ab`` → why it cannot be made here.
    """

    dtypes: tuple[str, ...] = ()
    engines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compiles: bool = False
    batches: bool = False
    fuses_attention: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)


_DTYPES = ("float32", "bfloat16", "float16", "int8_dynamic")
ANYTHING = Possible(_DTYPES, {}, compiles=True, batches=True, fuses_attention=True)
"""What is assumed where the machine was not asked."""
