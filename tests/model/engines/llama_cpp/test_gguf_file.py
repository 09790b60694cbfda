"""GGUF files that are written here hold the weights of the folder, as another reader of the format sees them."""

from __future__ import annotations

import os

import numpy as np
import pytest

from inference_bench.errors import WeightsError
from inference_bench.model.engines.llama_cpp.cpu_flags import unused_flags
from inference_bench.model.engines.llama_cpp.gguf_file import write_gguf
from inference_bench.model.engines.llama_cpp.library import load_library
from inference_bench.spec import Setup
from tests.place_folders import LLAMA, place, trained

QWEN2 = {**LLAMA, "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "tie_word_embeddings": True}
QWEN3 = {**LLAMA, "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "head_dim": 16}
CONFIGS = {"llama": LLAMA, "tied": {**LLAMA, "tie_word_embeddings": True}, "qwen2": QWEN2, "qwen3": QWEN3}


@pytest.fixture(scope="module", params=CONFIGS)
def folder(request, tmp_path_factory):
    config = {**CONFIGS[request.param], "intermediate_size": 64}  # whole blocks of 32
    return trained(tmp_path_factory.mktemp(request.param) / "weights", config)


def test_transformers_reads_the_same_tensors(folder, tmp_path):
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    write_gguf(folder, tmp_path / "model.gguf")
    network = AutoModelForCausalLM.from_pretrained(folder)
    found = load_gguf_checkpoint(tmp_path / "model.gguf", return_tensors=True, model_to_load=network)["tensors"]
    expected = load_file(folder / "model.safetensors")
    for name, values in expected.items():
        if name == "lm_head.weight" and name not in found:
            continue  # tied
        assert np.array_equal(np.asarray(found[name]), values.numpy()), name


@pytest.mark.parametrize(("form", "error"), [("F16", 1e-3), ("Q8_0", 0.01), ("Q4_0", 0.15), ("Q4_1", 0.15)])
def test_matrices_of_fewer_bits_hold_nearly_the_same(folder, tmp_path, form, error):
    import gguf
    from safetensors.torch import load_file

    write_gguf(folder, tmp_path / "model.gguf", form, numbered=True)
    reader = gguf.GGUFReader(tmp_path / "model.gguf")
    found = {tensor.name: tensor for tensor in reader.tensors}
    expected = load_file(folder / "model.safetensors")["model.layers.1.mlp.down_proj.weight"].numpy()
    down, norm = found["blk.1.ffn_down.weight"], found["blk.1.ffn_norm.weight"]
    assert (down.tensor_type.name, norm.tensor_type.name) == (form, "F32")
    values = gguf.dequantize(down.data, down.tensor_type)
    assert np.abs(values - expected).max() <= error * np.abs(expected).max()
    assert gguf.LlamaFileType(reader.fields["general.file_type"].contents()).name == f"MOSTLY_{form}"
    assert len(reader.fields["tokenizer.ggml.tokens"].contents()) == 300


def test_other_architectures_and_scaled_positions_are_refused(tmp_path):
    other = place(tmp_path / "other", {**LLAMA, "model_type": "mamba"})
    with pytest.raises(WeightsError, match="mamba, expected one of llama"):
        write_gguf(other, tmp_path / "a.gguf")
    scaled = place(tmp_path / "scaled", {**LLAMA, "rope_scaling": {"rope_type": "llama3", "factor": 8}})
    with pytest.raises(WeightsError, match="scaled rotary positions"):
        write_gguf(scaled, tmp_path / "b.gguf")


def _library() -> str:
    """Return why llama.cpp cannot be loaded here, or nothing."""
    try:
        load_library()
    except (WeightsError, ModuleNotFoundError) as error:
        return str(error)
    return ""


needs_library = pytest.mark.skipif(bool(_library()), reason=_library())


@needs_library
@pytest.mark.parametrize("dtype", ["float32", "float16", "q8_0"])
def test_llama_cpp_gives_the_logits_of_torch(folder, tmp_path, dtype):
    import torch
    from transformers import AutoModelForCausalLM

    from inference_bench.model.engines.llama_cpp.conversion import convert
    from inference_bench.model.engines.llama_cpp.session import LlamaSession

    convert(folder, tmp_path, dtype)
    session = LlamaSession(tmp_path, Setup(dtype=dtype), 128)
    ids = [(7 * number) % 300 for number in range(100)]
    with torch.inference_mode():
        expected = AutoModelForCausalLM.from_pretrained(folder)(torch.tensor([ids])).logits[0].numpy()
    found = np.concatenate(list(session.logit_rows(ids)))
    largest = {"float32": 2e-3, "float16": 5e-3, "q8_0": 0.05}[dtype] * np.abs(expected).max()
    assert np.abs(found - expected).max() < largest
    assert np.concatenate(list(session.logit_rows(ids, 40))) == pytest.approx(found[40:])
    tokens = list(session.tokens(ids[:20], 5))
    assert tokens[0] == found[19].argmax()
    prompt_ns, token_ns = session.own_times() or (0, [])
    assert prompt_ns > 0
    assert len(token_ns) == 4
    assert min(token_ns) > 0
    assert session.describe()["parameters_mapped_from_file"] is True
    session.close()


@needs_library
def test_a_file_that_llama_cpp_refuses_is_one_line(tmp_path):
    from inference_bench.model.engines.llama_cpp.session import LlamaSession

    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(20))
    with pytest.raises(WeightsError, match=r"llama\.cpp does not load it"):
        LlamaSession(tmp_path, Setup(), 0)


def test_a_library_that_is_none_is_one_line(tmp_path, monkeypatch):
    pytest.importorskip("llama_cpp_py_sync")
    (tmp_path / "libllama.so").write_text("no library")
    monkeypatch.setenv("LLAMA_CPP_LIB", os.fspath(tmp_path / "libllama.so"))
    with pytest.raises(WeightsError, match=r"libllama\.so cannot be loaded"):
        load_library.__wrapped__()


def test_instructions_that_a_build_does_not_use_are_named(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nflags\t\t: fpu avx avx2 fma avx512f avx512_vnni\n")
    assert unused_flags("CPU : AVX = 1 | AVX2 = 1 | FMA = 1 | AVX512 = 0 |", cpuinfo) == ["AVX512", "AVX512_VNNI"]
    assert unused_flags("CPU : AVX = 1", tmp_path / "none") == []
