"""OpenVINO GenAI computes what torch computes, from folders that are written as GGUF and saved as its own network."""

from __future__ import annotations

import time

import numpy as np
import pytest

from inference_bench.errors import NotApplicableError, WeightsError
from inference_bench.model.prompts import Prompts
from inference_bench.spec import Setup
from tests.place_folders import trained
from tests.served_alone import together
from tests.torch_reference import CONFIGS, IDS, end_at_once, torch_greedy, torch_logits

pytest.importorskip("openvino_genai")
pytest.importorskip("gguf")

from inference_bench.model.engines.openvino_genai.conversion import NETWORK, convert
from inference_bench.model.engines.openvino_genai.session import OpenVINOSession

PROMPT = IDS[:20]


@pytest.fixture(scope="module", params=CONFIGS)
def folder(request, tmp_path_factory):
    return trained(tmp_path_factory.mktemp(request.param) / "weights", CONFIGS[request.param])


@pytest.fixture
def opened(tmp_path):
    def open_(folder, form="F16", most=0):
        (target := tmp_path / "converted").mkdir()
        convert(folder, target, form)
        return OpenVINOSession(target, Setup(), most)

    return open_


@pytest.mark.parametrize(("form", "error"), [("F16", 2e-3), ("Q8_0", 0.05), ("Q4_0", 0.4)])
def test_it_gives_the_logits_and_the_tokens_of_torch(folder, opened, form, error, monkeypatch):
    monkeypatch.setattr("inference_bench.model.engines.openvino_genai.session._PIECE", 30)
    session = opened(folder, form)
    expected = torch_logits(folder, IDS)
    found = np.concatenate(list(session.logit_rows(IDS)))
    assert (session.limit, session.vocabulary) == (128, 300)
    assert np.abs(found - expected).max() < error * np.abs(expected).max()
    assert np.concatenate(list(session.logit_rows(IDS, 40))) == pytest.approx(found[40:], abs=1e-4)
    assert session.prefill(PROMPT) == found[19].argmax()
    if form == "F16":
        assert list(session.tokens(PROMPT, 8)) == torch_greedy(folder, PROMPT, 8)
    session.close()


def test_its_own_loop_ticks_once_per_token_and_ignores_the_end(tmp_path, opened):
    folder = trained(tmp_path / "weights", CONFIGS["llama"])
    end_at_once(folder, PROMPT)
    session = opened(folder, most=100)
    ticks: list[int] = []
    tokens = session.own_loop(PROMPT, 6, lambda: ticks.append(1))
    assert tokens == torch_greedy(folder, PROMPT, 6)
    assert tokens[0] == 0
    assert len(ticks) == 6
    assert session.limit == 100
    with pytest.raises(NotApplicableError, match="loop of its own"):
        session.decode()


def test_its_own_clock_tells_the_last_generation_within_ours(tmp_path, opened):
    session = opened(trained(tmp_path / "weights", CONFIGS["llama"]))
    assert session.own_times() is None
    begun_ns = time.perf_counter_ns()
    session.own_loop(PROMPT, 6, lambda: None)
    ours_ns = time.perf_counter_ns() - begun_ns
    prefill_ns, decode_ns = session.own_times()
    assert len(decode_ns) == 5
    assert 0 < prefill_ns + sum(decode_ns) < ours_ns * 1.1


def test_requests_served_together_get_the_tokens_of_torch(folder, opened):
    session = opened(folder)
    prompts = Prompts(1, session.limit, IDS.__getitem__)
    asked = [(IDS[begin : begin + 30], new_tokens) for begin, new_tokens in ((0, 9), (5, 4), (20, 12), (0, 9), (40, 1))]
    assert together(session.server(2, prompts), *asked) == [torch_greedy(folder, *one) for one in asked]


def test_serving_ignores_the_end(tmp_path, opened):
    folder = trained(tmp_path / "weights", CONFIGS["llama"])
    end_at_once(folder, PROMPT)
    (tokens,) = together(opened(folder).server(2, Prompts(1, 100, list)), (PROMPT, 6))
    assert tokens == torch_greedy(folder, PROMPT, 6)
    assert tokens[0] == 0


def test_what_openvino_does_not_read_is_one_line(tmp_path):
    folder = trained(tmp_path / "weights", CONFIGS["llama"])
    (target := tmp_path / "converted").mkdir()
    with pytest.raises(WeightsError, match=r"does not load them as GGUF F32: .*Unsupported quantization type"):
        convert(folder, target, "F32")
    convert(folder, target, "F16")
    (target / NETWORK).write_text("no network")
    with pytest.raises(WeightsError, match="OpenVINO GenAI does not load them"):
        OpenVINOSession(target, Setup(), 0)
