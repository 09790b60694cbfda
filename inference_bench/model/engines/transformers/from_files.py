"""The class of a model that no plugin describes: built from the files of its weights, without a framework."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from inference_bench.errors import InvalidValueError
from inference_bench.model.engines.transformers.architectures import CAUSAL_LM, class_for
from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.model.engines.transformers.config_file import (
    Config,
    architecture_of,
    max_input_length,
    published_dtype,
    read_config,
)
from inference_bench.model.engines.transformers.gguf_config import config_of
from inference_bench.model.engines.transformers.known_kinds import is_known
from inference_bench.model.engines.transformers.reductions import reduced_with_tokens
from inference_bench.model.engines.transformers.tokenizer import has_tokenizer
from inference_bench.model.model_card import license_of
from inference_bench.model.weights.gguf_header import read_gguf_header
from inference_bench.model.weights.size import content_of


def class_in_folder(folder: Path, name: str, **facts: object) -> type[TransformersModel]:
    """Return the class of the model in a folder with ``config.json``.

    Args:
        folder: also holds weights, a tokenizer and a model card, as far as it has them.
        name: of the model.
        facts: further class attributes, which precede those from the files.

    Raises:
        InvalidValueError: no class here runs it, or only code in the folder could.
    """
    config = read_config(folder)
    _refuse_foreign_code(config, folder)
    content = content_of(folder)
    found = {
        "license": license_of(folder) or "unknown",
        "parameters": content.parameters if content else 0,
        "published_dtype": published_dtype(config) or (content.dtype if content else "float32"),
        "tokenized": has_tokenizer(folder),
    }
    return class_of_config(config, name, **{**found, **facts})


def class_of_config(config: Config, name: str, **facts: object) -> type[TransformersModel]:
    """Return the class of the model that a configuration describes.

    Raises:
        InvalidValueError: no class here runs it.
    """
    stated = {"license": "unknown", "published_dtype": published_dtype(config) or "float32"}
    return _class(class_for(config), name, config, {**stated, **facts})


def class_in_gguf(path: Path, name: str, **facts: object) -> type[TransformersModel]:
    """Return the class of the model in a GGUF file.

    Raises:
        WeightsError: its header is damaged.
        InvalidValueError: no class here runs its architecture.
    """
    header = read_gguf_header(path)
    found = {
        "license": header.text("general.license") or "unknown",
        "parameters": header.parameters,
        "published_dtype": "float32",
        "tokenized": "tokenizer.ggml.tokens" in header.values,
    }
    return _class(CAUSAL_LM.load(), name, config_of(header, path), {**found, **facts})


def _class(
    base: type[TransformersModel], name: str, config: Config, facts: Mapping[str, object]
) -> type[TransformersModel]:
    architecture = architecture_of(config)
    attributes = {
        "name": name,
        "title": name,
        "description": f"{architecture['model_type']} architecture, as its files describe it",
        "max_input_length": max_input_length(architecture),
        "architecture": architecture,
        "reduced": reduced_with_tokens(architecture),
        **facts,
        "__doc__": f"The model {name}, as its files describe it.",
        "__module__": __name__,
    }
    built: type[TransformersModel] = type("".join(word.capitalize() for word in name.split("_")), (base,), attributes)
    return built


def _refuse_foreign_code(config: Config, folder: Path) -> None:
    """Refuse an architecture that the installed transformers does not have: no code of a folder is run."""
    kind = config["model_type"]
    if is_known(kind):
        return
    why = f"{kind!r}, which brings its own code (auto_map)" if config.get("auto_map") else kind
    raise InvalidValueError(
        f"model_type in {folder.name}/config.json",
        why,
        "an architecture that the installed transformers has",
        "Code in a model's folder is never run; a newer transformers may have it.",
    )
