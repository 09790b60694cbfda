"""The tokenizer without a framework gives the ids that transformers gives."""

from __future__ import annotations

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from inference_bench.errors import WeightsError
from inference_bench.model.engine.folder_tokenizer import folder_tokenizer
from inference_bench.model.special_tokens import special_tokens
from tests.small_tokenizers import KINDS, tokenizer


@pytest.mark.parametrize("kind", KINDS)
def test_ids_and_texts(tmp_path, kind):
    PreTrainedTokenizerFast(tokenizer_object=tokenizer(kind)).save_pretrained(tmp_path)
    theirs, ours = AutoTokenizer.from_pretrained(tmp_path), folder_tokenizer(tmp_path)
    for text in ("The quick brown fox", " two  spaces\n", "naïve — 日本", ""):
        assert ours.plain(text) == theirs(text, add_special_tokens=False)["input_ids"]
    before = special_tokens(lambda text, special: theirs(text, add_special_tokens=special)["input_ids"]).before
    assert ours.special.before == before
    ids = ours.prompt_ids(50)
    assert len(ids) == 50
    assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)


def test_a_folder_without_one_and_a_damaged_one(tmp_path):
    assert folder_tokenizer(tmp_path) is None
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(WeightsError, match=r"tokenizer\.json cannot be read"):
        folder_tokenizer(tmp_path)
