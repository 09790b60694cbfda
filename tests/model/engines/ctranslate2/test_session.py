"""CTranslate2 computes what torch computes, from folders that are converted without a tokenizer."""

from __future__ import annotations

import numpy as np
import pytest

from inference_bench.errors import NotApplicableError, WeightsError
from inference_bench.spec import Setup
from tests.place_folders import trained
from tests.torch_reference import CONFIGS, IDS, end_at_once, torch_greedy, torch_logits

pytest.importorskip("ctranslate2")

from inference_bench.model.engines.ctranslate2.conversion import convert
from inference_bench.model.engines.ctranslate2.session import CTranslate2Session

PROMPT = IDS[:20]


@pytest.fixture(scope="module", params=CONFIGS)
def folder(request, tmp_path_factory):
    return trained(tmp_path_factory.mktemp(request.param) / "weights", CONFIGS[request.param])


@pytest.mark.parametrize(("dtype", "error"), [("float32", 1e-5), ("int8", 0.03)])
def test_it_gives_the_logits_and_the_tokens_of_torch(folder, tmp_path, dtype, error):
    convert(folder, tmp_path, dtype)
    session = CTranslate2Session(tmp_path, Setup(dtype=dtype), 0)
    expected = torch_logits(folder, IDS)
    (found,) = session.logit_rows(IDS)
    assert (session.limit, session.vocabulary) == (128, 300)
    assert np.abs(found - expected).max() < error * np.abs(expected).max()
    assert next(session.logit_rows(IDS, 40)) == pytest.approx(found[40:])
    assert session.prefill(PROMPT) == found[19].argmax()
    if dtype == "float32":
        assert list(session.tokens(PROMPT, 8)) == torch_greedy(folder, PROMPT, 8)
    session.close()


def test_its_own_loop_ticks_once_per_token_and_ignores_the_end(tmp_path):
    folder = trained(tmp_path / "weights", CONFIGS["llama"])
    end_at_once(folder, PROMPT)
    (target := tmp_path / "converted").mkdir()
    convert(folder, target, "float32")
    session = CTranslate2Session(target, Setup(), 100)
    ticks: list[int] = []
    tokens = session.own_loop(PROMPT, 6, lambda: ticks.append(1))
    assert tokens[0] == 0
    assert tokens == torch_greedy(folder, PROMPT, 6)
    assert len(ticks) == 6
    assert session.limit == 100
    with pytest.raises(NotApplicableError, match="loop of its own"):
        session.decode()


def test_a_damaged_file_is_one_line(tmp_path):
    folder = trained(tmp_path / "weights", CONFIGS["llama"])
    (target := tmp_path / "converted").mkdir()
    convert(folder, target, "float32")
    file = target / "model.bin"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="CTranslate2 does not load them"):
        CTranslate2Session(target, Setup(), 0)
