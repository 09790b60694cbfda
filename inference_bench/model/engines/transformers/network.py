"""The network in a folder of weights, read into memory."""

from __future__ import annotations

import mmap
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from inference_bench.errors import InvalidValueError, WeightsError
from inference_bench.model.engines.transformers.library import LOCAL
from inference_bench.model.weights.files import weights_files
from inference_bench.spec import Setup

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


class AutoNetwork(Protocol):
    """The interface of an auto class of transformers, whose own annotations are incomplete."""

    def from_config(self, config: PreTrainedConfig, **options: object) -> PreTrainedModel:
        """Return a network with random weights."""

    def from_pretrained(
        self, path: Path, *, output_loading_info: Literal[True], **options: object
    ) -> tuple[PreTrainedModel, Mapping[str, Collection[object]]]:
        """Return a network with the weights in a folder, and the names of missing and mismatched tensors."""


def read_pages(folder: Path) -> None:
    """Read the weights' files into the page cache, one byte per page."""
    for name in weights_files(folder):
        with (folder / name).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
            pages.madvise(mmap.MADV_WILLNEED)
            pages[:: mmap.PAGESIZE]


def materialised(
    auto_network: AutoNetwork, config: PreTrainedConfig, path: Path | None, setup: Setup
) -> PreTrainedModel:
    """Return the network on the CPU in the dtype to load, with all pages read."""
    import torch

    dtype = "float32" if setup.dtype == "int8_dynamic" else setup.dtype
    options: dict[str, object] = {"dtype": getattr(torch, dtype)}
    if setup.attention != "auto":
        options["attn_implementation"] = setup.attention
    try:
        if path is None:
            return auto_network.from_config(config, **options)
        return read_network(auto_network, config, path, options)
    except (ImportError, ValueError) as error:
        if setup.attention == "auto":
            raise
        reason = str(error).strip().splitlines()[0]
        raise InvalidValueError(
            "attention", setup.attention, "one that this model has and this machine can run", reason
        ) from error


def read_network(
    auto_network: AutoNetwork, config: PreTrainedConfig, path: Path, options: Mapping[str, object]
) -> PreTrainedModel:
    """Return the network with the weights in a folder.

    Raises:
        WeightsError: a tensor of the architecture is missing or has another shape.
    """
    network, info = auto_network.from_pretrained(
        path,
        config=config,
        use_safetensors=True,
        output_loading_info=True,
        **LOCAL,
        **options,
    )
    # transformers fills missing tensors with random values and only warns.
    lacking = sorted(str(key) for kind in ("missing_keys", "mismatched_keys") for key in info[kind])
    if lacking:
        raise WeightsError(
            f"weights {path}: {len(lacking)} tensors of {type(network).__name__} missing or of another shape, first "
            f"{lacking[0]}. Get the weights that belong to this config.json."
        )
    _touch(network)
    return network


def _touch(network: PreTrainedModel) -> None:
    """Read one value per page: parameters may be mapped from the file and not yet read."""
    for parameter in network.parameters():
        parameter.detach().flatten()[:: mmap.PAGESIZE // parameter.element_size()].sum().item()
