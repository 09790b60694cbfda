"""Are our verdicts those of lm-evaluation-harness, item for item, and our figures those that were published?

Both answer the same items of public sets with the same float32 weights. The harness gets a file of contexts, choices
and right answers, and does all else itself: it loads the network, makes tokens, runs batches, and judges.

Run as ``python -m bench.accuracy_agreement``; exits with 1 if an item differs or a published figure lies outside our
interval. Needs the extra ``lm-eval``; 400 items a task take some 20 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from inference_bench.analysis.estimates import mean_estimate
from inference_bench.benchmark.accuracy.multiple_choice import MultipleChoice
from inference_bench.benchmark.accuracy.task import sample
from inference_bench.benchmark.accuracy.tasks import find_task
from inference_bench.extras import install_hint
from inference_bench.machine.cpus import available_cpus
from inference_bench.model.discovery import find_models, load_model
from inference_bench.model.interfaces import TextScorer
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.model import Model
from inference_bench.model.weights.references import ResolvedWeights
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.result import Estimate
from inference_bench.spec import Setup

MODEL = "smollm2_135m_instruct"
METRICS = ("accuracy", "accuracy_norm")
TASKS = ("hellaswag", "piqa", "arc_easy")

PUBLISHED = {
    ("hellaswag", "accuracy_norm"): (0.409, "model card"),
    ("piqa", "accuracy_norm"): (0.663, "model card"),
    ("arc_easy", "accuracy"): (0.541, "SmolLM2-135M-Reasoning-SLERP-Champion's card, baseline"),
}
"""Zero-shot figures of the unrounded bfloat16 weights; docs/accuracy.md says what is known of how they were taken."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What one implementation says of one item.

    Attributes:
        log_likelihoods: of each choice, in nats.
        right: 1 or 0 for each of ``METRICS``.
    """

    log_likelihoods: tuple[float, ...]
    right: tuple[float, ...]


def main() -> int:
    """Print a table of figures, and each item that is judged differently."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--tasks", default=",".join(TASKS), help=f"default: {','.join(TASKS)}")
    arguments.add_argument("--items", type=int, default=400, help="items of each, a fixed random sample (default: 400)")
    arguments.add_argument("--threads", type=int, default=available_cpus(), help="default: all CPUs")
    given = arguments.parse_args()
    if find_spec("lm_eval") is None:
        sys.exit(f"error: lm-evaluation-harness is not installed: {install_hint('lm-eval')}")
    model, weights = _load(given.threads)
    print("| task | metric | items | ours [95 %] | harness | items that differ | published |\n" + "|---" * 7 + "|")
    failed = False
    for task in given.tasks.split(","):
        items = _items(task, given.items)
        ours = [_our_verdicts(item, model.scorer()) for item in items]
        theirs = _harness_verdicts(task, items, weights)
        failed |= _report(task, items, ours, theirs)
    return int(failed)


def _load(threads: int) -> tuple[Model, ResolvedWeights]:
    cls = load_model(find_models()[MODEL])
    setup = Setup(threads=threads)
    weights = resolve_weights(cls, setup, lambda text: print(text, file=sys.stderr))
    model = cls()
    model.load(setup, weights, LoadSteps())
    return model, weights


def _items(task: str, limit: int) -> list[MultipleChoice]:
    """Return the items that the benchmark would score.

    Raises:
        SystemExit: they are no multiple choice with one context, the only kind that both sides write down alike.
    """
    found = sample(find_task(task).items(lambda done, total: None), limit)  # type: ignore[attr-defined]
    items = [item for item in found if isinstance(item, MultipleChoice) and len(item.contexts) == 1]
    if len(items) < len(found):
        sys.exit(f"error: {task} is not multiple choice with one context an item")
    return items


def _our_verdicts(item: MultipleChoice, scorer: TextScorer) -> Verdicts:
    scores = {score.metric: score for score in item.score(scorer)}
    log_likelihoods = scores["accuracy"].detail["log_likelihoods"]
    assert isinstance(log_likelihoods, Sequence)
    return Verdicts(tuple(log_likelihoods), tuple(scores[metric].value for metric in METRICS))


def _harness_verdicts(task: str, items: Sequence[MultipleChoice], weights: ResolvedWeights) -> list[Verdicts]:
    """Let the harness evaluate the items as a task of its own."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    network = HFLM(pretrained=str(weights.path), device="cpu", dtype="float32", batch_size=1)
    with TemporaryDirectory() as folder:
        definition = _write_task(task, items, Path(folder))
        found = simple_evaluate(model=network, tasks=[str(definition)], bootstrap_iters=0, log_samples=True)
    (samples,) = found["samples"].values()
    return [_harness_verdict(each) for each in sorted(samples, key=lambda each: int(each["doc_id"]))]


def _write_task(task: str, items: Sequence[MultipleChoice], folder: Path) -> Path:
    """Write the items and the harness's description of them; return the latter's path. JSON is YAML too."""
    data, definition = folder / "items.jsonl", folder / "task.yaml"
    documents = [{"context": item.contexts[0], "choices": item.choices, "answer": item.answer} for item in items]
    data.write_text("".join(json.dumps(document) + "\n" for document in documents))
    (separator,) = {item.separator for item in items}
    description = {
        "task": f"{task}_same_items",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "context",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "target_delimiter": separator,
        "metric_list": [{"metric": metric, "aggregation": "mean"} for metric in ("acc", "acc_norm")],
    }
    definition.write_text(json.dumps(description))
    return definition


def _harness_verdict(found: dict[str, Any]) -> Verdicts:
    log_likelihoods = tuple(float(answers[0][0]) for answers in found["resps"])
    return Verdicts(log_likelihoods, (float(found["acc"]), float(found["acc_norm"])))


def _report(task: str, items: Sequence[MultipleChoice], ours: Sequence[Verdicts], theirs: Sequence[Verdicts]) -> bool:
    """Print a row for each metric; return whether anything is not as it should be."""
    failed = False
    pairs = list(zip(items, ours, theirs, strict=True))
    for column, metric in enumerate(METRICS):
        differing = [(item, one, other) for item, one, other in pairs if one.right[column] != other.right[column]]
        our_mean = mean_estimate(np.array([one.right[column] for one in ours]), np.ones(len(ours)))
        their_mean = sum(other.right[column] for other in theirs) / len(theirs)
        published, is_within = _published(task, metric, our_mean)
        print(
            f"| {task} | {metric} | {len(items)} | {_percent(our_mean)} | {their_mean:.1%} | {len(differing)} "
            f"| {published} |",
            flush=True,
        )
        for item, one, other in differing:
            print(f"  item {item.id}: ours {one.log_likelihoods}, harness {other.log_likelihoods}", file=sys.stderr)
        failed |= bool(differing) or not is_within
    gaps = [
        abs(a - b) for _, one, other in pairs for a, b in zip(one.log_likelihoods, other.log_likelihoods, strict=True)
    ]
    print(f"{task}: largest difference of a choice's log-likelihood: {max(gaps):.1e} nats", file=sys.stderr)
    return failed


def _published(task: str, metric: str, ours: Estimate) -> tuple[str, bool]:
    """Return the published figure for the table, and whether our interval holds it; True where there is none."""
    if (task, metric) not in PUBLISHED:
        return "", True
    value, source = PUBLISHED[task, metric]
    is_within = ours.low is not None and ours.high is not None and ours.low <= value <= ours.high
    return f"{value:.1%} ({source}): {'within' if is_within else 'OUTSIDE'}", is_within


def _percent(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "too few items"
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"


if __name__ == "__main__":
    sys.exit(main())
