"""The licence that a model card states."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference_bench.model.model_card import license_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\nlicense: apache-2.0\n---\n# Model", "apache-2.0"),
        ("---\nlanguage: en\nlicense: 'mit'  # yes\n---", "mit"),
        ("---\nlicense: other\nlicense_name: llama3.2\n---\n", "llama3.2"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\nlicense:\n- mit\n---\n", ""),
        ("# Model\nlicense: mit\n", ""),
        ("---\nmodel:\n  license: mit\n---\n", ""),
        ("", ""),
    ],
)
def test_the_licence_is_that_of_the_front_matter(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "README.md").write_text(text)
    assert license_of(tmp_path) == expected


def test_a_folder_without_a_card_states_none(tmp_path: Path) -> None:
    assert license_of(tmp_path) == ""
