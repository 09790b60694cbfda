from __future__ import annotations

import json

import pytest

from inference_bench.errors import NotApplicableError
from inference_bench.model.engine.decoder_demands import decoder_demands, sizes_of_config
from inference_bench.model.engines.llama_cpp.demands import gguf_demands
from inference_bench.model.engines.llama_cpp.gguf_file import write_gguf
from tests.place_folders import LLAMA, trained

CONFIGS = {"apart": {**LLAMA, "tie_word_embeddings": False}, "tied": {**LLAMA, "tie_word_embeddings": True}}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_header_of_a_file_tells_what_the_configuration_tells(tmp_path, name):
    folder = trained(tmp_path / "weights", CONFIGS[name])
    file = tmp_path / "model.gguf"
    write_gguf(folder, file)
    config = json.loads((folder / "config.json").read_bytes())
    sizes = sizes_of_config(config)

    found = gguf_demands(file, config["vocab_size"], kv_element_bytes=2)

    assert found.kv_bytes_per_position == 2 * sizes.layers * sizes.kv_heads * sizes.head_size * 2
    assert (found.multiplied_parameters, found.head_parameters) == (sizes.body, sizes.table)
    norms_bytes = 4 * (2 * sizes.layers + 1) * sizes.width
    exact_bytes = 4 * (sizes.body + sizes.table) + norms_bytes
    assert found.weight_bytes == pytest.approx(exact_bytes, rel=0.01)
    assert decoder_demands(sizes, 1000, 2).attention_flops_per_pair == found.attention_flops_per_pair


def test_sizes_that_do_not_explain_the_file_are_refused(tmp_path):
    write_gguf(trained(tmp_path / "weights", CONFIGS["apart"]), tmp_path / "model.gguf")

    with pytest.raises(NotApplicableError, match="parameters"):
        gguf_demands(tmp_path / "model.gguf", vocabulary=7, kv_element_bytes=2)
