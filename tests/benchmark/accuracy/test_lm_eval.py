"""Tasks of lm-evaluation-harness on a scorer of ours; skipped where the harness is not installed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from inference_bench.benchmark.accuracy.item import Score
from inference_bench.benchmark.accuracy.tasks import find_task
from inference_bench.errors import InvalidValueError, TaskError, UnscorableError
from inference_bench.model.interfaces import Likelihood
from tests.scorers import BitScorer

pytestmark = pytest.mark.skipif(find_spec("lm_eval") is None, reason="needs the extra lm-eval")

LONGEST = 8
"""Letters that the scorer takes."""


class LimitedScorer(BitScorer):
    """Takes texts of a few letters, as a network takes a number of positions."""

    def text_likelihood(self, text: str) -> Likelihood:
        if len(text) > LONGEST:
            raise UnscorableError("letters", len(text), f"at most {LONGEST}")
        return super().text_likelihood(text)

    def complete(self, prompt: str, stop: Sequence[str], new_tokens: int) -> str:
        if len(prompt) > LONGEST:
            raise UnscorableError("letters", len(prompt), f"at most {LONGEST}")
        return super().complete(prompt, stop, new_tokens)


class OverflowingScorer(BitScorer):
    """Its logits are no numbers."""

    def text_likelihood(self, text: str) -> Likelihood:
        return Likelihood(float("nan"), len(text), False)


CHOICE = """
output_type: multiple_choice
doc_to_text: "{{context}}"
doc_to_choice: choices
doc_to_target: answer
metric_list:
  - metric: acc
"""

TEXT = """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{context}}"
metric_list:
  - metric: bits_per_byte
  - metric: word_perplexity
"""

ANSWER = """
output_type: generate_until
doc_to_text: "{{context}}"
doc_to_target: "{{answer}}"
generation_kwargs:
  until: ["."]
metric_list:
  - metric: exact_match
"""

SHORT, LONG = "a" * LONGEST, "a" * (LONGEST + 1)


def task_file(folder: Path, kind: str, documents: list[dict[str, object]]) -> str:
    """Write a task with its documents and return its name for us."""
    (folder / "documents.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
    data = f"task: mine\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {folder}/documents.jsonl\n"
    (folder / "mine.yaml").write_text(data + "test_split: test\n" + kind)
    return f"lm_eval:{folder / 'mine.yaml'}"


def scored(task: str, scorer: BitScorer) -> list[tuple[str, Score | UnscorableError]]:
    return list(find_task(task).scores(scorer, 100, lambda done, total: None))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "datasets"))


def document(context: str, *choices: str, answer: int | str = 0) -> dict[str, object]:
    return {"context": context, "choices": choices, "answer": answer}


def test_one_over_long_choice_leaves_out_its_document_alone(tmp_path: Path) -> None:
    # All contexts are equal: a document is not drawn into the fault of its neighbour.
    documents = [document("x", "a", "b"), document("x", "a", LONG), document("x", "b", "a")]
    first, second, third = scored(task_file(tmp_path, CHOICE, documents), LimitedScorer())

    assert (first[0], first[1].metric, first[1].value) == ("0", "accuracy", 1.0)
    assert second[0] == "1"
    assert isinstance(second[1], UnscorableError)
    assert f"letters: got {len(LONG)}, expected at most {LONGEST}" in str(second[1])
    assert (third[0], third[1].value) == ("2", 0.0)


def test_one_over_long_prompt_leaves_out_its_document_alone(tmp_path: Path) -> None:
    documents = [document(SHORT, answer=SHORT), document(LONG, answer="a"), document(SHORT, answer="b")]
    first, second, third = scored(task_file(tmp_path, ANSWER, documents), LimitedScorer(SHORT))

    assert (first[0], first[1].metric, first[1].value) == ("0", "exact_match", 1.0)
    assert second[0] == "1"
    assert isinstance(second[1], UnscorableError)
    assert (third[0], third[1].value) == ("2", 0.0)


def test_one_over_long_text_is_not_the_reason_why_a_task_has_no_figure(tmp_path: Path) -> None:
    task = find_task(task_file(tmp_path, TEXT, [document(SHORT), document(LONG)]))
    found = task.scores(LimitedScorer(), 100, lambda done, total: None)

    item, error = next(found)
    assert (item, type(error)) == ("1", UnscorableError)
    with pytest.raises(TaskError, match="none of its metrics is a mean over documents"):
        next(found)


def test_likelihoods_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"log-likelihood of item mine 0: .*finite numbers"):
        scored(task_file(tmp_path, CHOICE, [document("x", "a", "b")]), OverflowingScorer())
