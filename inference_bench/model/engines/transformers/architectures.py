"""The class that runs an architecture: one table, by the names that a ``config.json`` holds.

To support a further kind of network, write its class and add its family to ``FAMILIES``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from inference_bench.errors import InvalidValueError
from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.model.engines.transformers.config_file import Config

_PACKAGE = "inference_bench.model.engines.transformers"
_TEXT_ENCODERS = frozenset(
    {"albert", "bert", "camembert", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta"}
)

_ENCODER_DECODERS = frozenset(
    {"bart", "blenderbot", "blenderbot-small", "fsmt", "led", "longt5", "m2m_100", "marian", "mbart", "mt5", "mvp"}
    | {"pegasus", "pegasus_x", "prophetnet", "switch_transformers", "t5", "umt5"}
)


@dataclass(frozen=True, slots=True)
class Family:
    """Architectures that one class runs.

    Attributes:
        title: for the message that names what is supported.
        module: of the class, in this package.
        name: of the class.
        endings: of the architectures' names, such as ``ForCausalLM`` of ``LlamaForCausalLM``.
        kinds: the ``model_type`` of those that belong to it; any if empty.
    """

    title: str
    module: str
    name: str
    endings: tuple[str, ...]
    kinds: frozenset[str] = frozenset()

    def has(self, kind: str, architecture: str) -> bool:
        """Return whether an architecture of this kind belongs to the family."""
        return architecture.endswith(self.endings) and (not self.kinds or kind in self.kinds)

    def load(self) -> type[TransformersModel]:
        """Import the class."""
        found: type[TransformersModel] = getattr(import_module(f"{_PACKAGE}.{self.module}"), self.name)
        return found


CAUSAL_LM = Family("language models (…ForCausalLM)", "causal_lm", "CausalLM", ("ForCausalLM", "LMHeadModel"))
FAMILIES = (
    CAUSAL_LM,
    Family(
        "text encoders (BertModel, RobertaModel …)",
        "text_encoder",
        "EmbeddingModel",
        ("Model", "ForMaskedLM", "ForPreTraining"),
        kinds=_TEXT_ENCODERS,
    ),
    Family("classifiers (…ForSequenceClassification)", "classifier", "ClassifierModel", ("ForSequenceClassification",)),
    Family(
        "classifiers of tokens (…ForTokenClassification)",
        "classifier",
        "TokenClassifierModel",
        ("ForTokenClassification",),
    ),
    Family("finders of answers (…ForQuestionAnswering)", "classifier", "AnswerFinderModel", ("ForQuestionAnswering",)),
    Family("image classifiers (…ForImageClassification)", "vision", "VisionModel", ("ForImageClassification",)),
    Family(
        "speech recognition (Whisper)",
        "speech",
        "SpeechModel",
        ("ForConditionalGeneration",),
        kinds=frozenset({"whisper"}),
    ),
    Family(
        "encoder-decoders (T5, BART …)",
        "seq2seq",
        "Seq2SeqModel",
        ("ForConditionalGeneration", "MTModel"),
        kinds=_ENCODER_DECODERS,
    ),
)
"""In order of preference: the first that an architecture belongs to runs it."""


def class_for(config: Config) -> type[TransformersModel]:
    """Return the class that runs what a ``config.json`` describes; imports no framework.

    A configuration that names no architecture is one of the family that its ``model_type`` belongs to, or a causal
    language model.

    Raises:
        InvalidValueError: no class here runs it; says what is supported.
    """
    kind, named = str(config.get("model_type")), [str(name) for name in config.get("architectures") or ()]
    found = next(_families(kind, named), None)
    if found is None:
        supported = ", ".join(family.title for family in FAMILIES)
        advice = "For others write a model of your own: `new model NAME --bare`."
        raise InvalidValueError("architecture", ", ".join(named), f"one of these kinds: {supported}", advice)
    return found.load()


def _families(kind: str, named: list[str]) -> Iterator[Family]:
    """Yield the families of an architecture, the first choice first."""
    if named:
        yield from (family for family in FAMILIES if any(family.has(kind, name) for name in named))
    else:
        yield from (family for family in FAMILIES if kind in family.kinds)
        yield CAUSAL_LM
