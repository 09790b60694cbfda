"""Each architecture is run by the class of its family, or refused with the families that there are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from inference_bench.errors import InvalidValueError
from inference_bench.model.engines.transformers.architectures import FAMILIES, class_for
from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.model.engines.transformers.causal_lm import CausalLM
from inference_bench.model.engines.transformers.classifier import (
    AnswerFinderModel,
    ClassifierModel,
    TokenClassifierModel,
)
from inference_bench.model.engines.transformers.config_file import Config
from inference_bench.model.engines.transformers.seq2seq import Seq2SeqModel
from inference_bench.model.engines.transformers.speech import SpeechModel
from inference_bench.model.engines.transformers.text_encoder import EmbeddingModel
from inference_bench.model.engines.transformers.vision import VisionModel


def config(kind: str, *architectures: str) -> Config:
    return {"model_type": kind, "architectures": list(architectures)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (config("llama", "LlamaForCausalLM"), CausalLM),
        (config("gpt2", "GPT2LMHeadModel"), CausalLM),
        (config("bert", "BertModel"), EmbeddingModel),
        (config("roberta", "RobertaForMaskedLM"), EmbeddingModel),
        (config("roberta", "RobertaForCausalLM"), CausalLM),
        (config("llama"), CausalLM),
        (config("xlm-roberta"), EmbeddingModel),
        (config("bert", "BertForSequenceClassification"), ClassifierModel),
        (config("llama", "LlamaForSequenceClassification"), ClassifierModel),
        (config("bert", "BertForTokenClassification"), TokenClassifierModel),
        (config("bert", "BertForQuestionAnswering"), AnswerFinderModel),
        (config("vit", "ViTForImageClassification"), VisionModel),
        (config("whisper", "WhisperForConditionalGeneration"), SpeechModel),
        (config("whisper"), SpeechModel),
        (config("t5", "T5ForConditionalGeneration"), Seq2SeqModel),
        (config("marian", "MarianMTModel"), Seq2SeqModel),
        ({"model_type": "llama", "architectures": None}, CausalLM),
    ],
)
def test_the_names_in_a_configuration_decide_the_class(given: Config, expected: type[TransformersModel]) -> None:
    assert class_for(given) is expected


def test_an_architecture_that_no_class_runs_is_refused_in_one_line() -> None:
    with pytest.raises(InvalidValueError) as caught:
        class_for(config("detr", "DetrForSegmentation"))
    assert str(caught.value).startswith("architecture: got 'DetrForSegmentation', expected one of these kinds: ")
    assert [family.title for family in FAMILIES if family.title not in str(caught.value)] == []


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_names_a_class_of_transformers(family) -> None:
    assert issubclass(family.load(), TransformersModel)


def test_the_table_imports_no_framework() -> None:
    code = (
        "import sys; from inference_bench.model.engines.transformers.architectures import FAMILIES; "
        "[family.load() for family in FAMILIES]; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
