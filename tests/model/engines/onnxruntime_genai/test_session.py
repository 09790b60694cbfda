"""onnxruntime-genai computes what torch computes, from folders that its own builder converts."""

from __future__ import annotations

import numpy as np
import pytest

from inference_bench.errors import WeightsError
from inference_bench.model.engines.onnxruntime_genai.engine import OnnxRuntimeGenAI
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.spec import Setup
from tests.place_folders import add_tokenizer, place, trained
from tests.torch_reference import CONFIGS, IDS, end_at_once, torch_greedy, torch_logits

pytest.importorskip("onnxruntime_genai")
pytest.importorskip("onnx_ir")

from inference_bench.model.engines.onnxruntime_genai.conversion import convert
from inference_bench.model.engines.onnxruntime_genai.session import OnnxSession

PROMPT = IDS[:20]


@pytest.fixture(scope="module", params=CONFIGS)
def folder(request, tmp_path_factory):
    path = trained(tmp_path_factory.mktemp(request.param) / "weights", CONFIGS[request.param])
    add_tokenizer(path)
    return path


@pytest.mark.parametrize(("precision", "error"), [("fp32", 1e-5), ("int8", 0.03), ("int4", 0.3)])
def test_it_gives_the_logits_and_the_tokens_of_torch(folder, tmp_path, precision, error, monkeypatch):
    monkeypatch.setattr("inference_bench.model.engines.onnxruntime_genai.session._PIECE", 30)
    (target := tmp_path / "converted").mkdir()
    convert(folder, target, precision)
    session = OnnxSession(target, Setup(), 0)
    expected = torch_logits(folder, IDS)
    found = np.concatenate(list(session.logit_rows(IDS)))
    assert (session.limit, session.vocabulary) == (128, 300)
    assert np.abs(found - expected).max() < error * np.abs(expected).max()
    assert np.concatenate(list(session.logit_rows(IDS, 40))) == pytest.approx(found[40:])
    assert session.prefill(PROMPT) == found[19].argmax()
    if precision == "fp32":
        assert list(session.tokens(PROMPT, 8)) == torch_greedy(folder, PROMPT, 8)
    session.close()


def test_the_end_of_sequence_ends_nothing(tmp_path):
    folder = trained(tmp_path / "weights", CONFIGS["llama"])
    add_tokenizer(folder)
    end_at_once(folder, PROMPT)
    (target := tmp_path / "converted").mkdir()
    convert(folder, target, "fp32")
    session = OnnxSession(target, Setup(), 100)
    tokens = list(session.tokens(PROMPT, 6))
    assert tokens[0] == 0
    assert tokens == torch_greedy(folder, PROMPT, 6)
    assert session.limit == 100


def test_a_folder_without_a_tokenizer_and_a_damaged_file_are_one_line(tmp_path):
    folder = trained(tmp_path / "weights", CONFIGS["llama"])
    (target := tmp_path / "converted").mkdir()
    with pytest.raises(WeightsError, match=r"no tokenizer\.json"):
        convert(folder, target, "fp32")
    add_tokenizer(folder)
    convert(folder, target, "fp32")
    (target / "model.onnx").write_bytes(b"no model")
    with pytest.raises(WeightsError, match="onnxruntime-genai does not load them"):
        OnnxSession(target, Setup(), 0)


def test_heads_of_other_sizes_are_refused_before_they_are_converted(tmp_path):
    folder = place(tmp_path / "weights", {**CONFIGS["llama"], "hidden_size": 32})
    weights = ResolvedWeights(source="path", label="tiny", trained=True, path=folder)
    with pytest.raises(WeightsError, match="heads of 8 elements, expected a multiple of 16"):
        OnnxRuntimeGenAI.conversion(weights, Setup())
