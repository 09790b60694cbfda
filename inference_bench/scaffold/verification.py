"""Verify that a model follows the standard structure and the plugin interface.

    python -m inference_bench.scaffold.verification NAME PATH [FOLDER…]

Prints one JSON object. Each model is verified in a separate process, so that its files cannot affect the verification
of other models.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from inference_bench.benchmark.discovery import KINDS
from inference_bench.errors import InferenceBenchError
from inference_bench.machine.subprocesses import run_python
from inference_bench.model.discovery import ModelFile, find_models, load_model, model_files, models_root, resolve_models
from inference_bench.orchestration.planning import prepare
from inference_bench.scaffold.checks import Flaw, flaws, own_benchmarks
from inference_bench.spec import Setup, Spec

_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Verification:
    """The result for one model.

    Attributes:
        model: name of its folder.
        path: path of its ``model.py``.
        benchmarks: kind → number of its own benchmarks.
        cases: number of cases of the suite ``full`` that apply to it; 0 if there are findings.
        findings: its flaws.
    """

    model: str
    path: str
    benchmarks: dict[str, int] = field(default_factory=dict)
    cases: int = 0
    findings: tuple[Flaw, ...] = ()


def verify_models(models_dirs: Sequence[Path] = (), words: Sequence[str] = ()) -> list[Verification]:
    """Verify every model of the project, of further folders, and of entry points, by name; or only those of ``words``.

    Args:
        models_dirs: the further folders.
        words: names of models, and places of weights.

    Raises:
        UsageError: a folder that does not exist, or a word that names no model.
    """
    if words:
        chosen = resolve_models(words, find_models(models_dirs))
        return [
            _verify_apart(file, models_dirs) if file.place is None else _verify_place(word, file)
            for word, file in chosen.items()
        ]
    files = sorted(model_files(models_dirs), key=lambda file: file.name)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda file: _verify_apart(file, models_dirs), files))
    twice = {name for name, count in Counter(file.name for file in files).items() if count > 1}
    found = [_with(of, _namesakes(of, files)) if of.model in twice else of for of in found]
    roots = [root for root in (models_root(), *models_dirs) if root]
    lost = [Verification(path.name, str(path), findings=(_no_model(path),)) for path in _without_model(roots)]
    return sorted([*found, *lost], key=lambda of: (of.model, of.path))


def verify_model(file: ModelFile, models_dirs: Sequence[Path] = ()) -> Verification:
    """Verify one model, importing its files into this process."""
    found = list(flaws(file))
    cases = 0
    if not found:
        try:
            cases = _count_cases(file, models_dirs)
        except InferenceBenchError as error:
            found.append(Flaw(str(file.path), str(error), "choose defaults that the model supports"))
    counts = Counter(path.parent.name for path in own_benchmarks(file))
    return Verification(file.name, str(file.path), {kind: counts[kind] for kind in KINDS}, cases, tuple(found))


def _verify_place(word: str, file: ModelFile) -> Verification:
    """Verify that the model at a place can be planned with its own weights; it has no files of its own to check."""
    nothing = dict.fromkeys(KINDS, 0)
    try:
        prepared = prepare(Spec(models=(word,), suite="full"))
    except InferenceBenchError as error:
        flaw = Flaw(str(file.path), str(error), "give another place")
        return Verification(file.name, str(file.path), nothing, findings=(flaw,))
    return Verification(file.name, str(file.path), nothing, len(prepared.plan.cases) - len(prepared.not_applicable))


def _verify_apart(file: ModelFile, models_dirs: Sequence[Path]) -> Verification:
    folders = map(str, models_dirs)
    command = ("-m", "inference_bench.scaffold.verification", file.name, str(file.path), *folders)
    try:
        done = run_python(*command, timeout_s=_TIMEOUT_S)
        plain = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None
    except subprocess.TimeoutExpired:
        problem = f"importing its files takes more than {_TIMEOUT_S} s"
    except (ValueError, IndexError):
        problem = "importing its files ends the process"
    else:
        if plain is not None:
            return Verification(**{**plain, "findings": tuple(Flaw(**of) for of in plain["findings"])})
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        problem = f"importing its files ends the process with status {done.returncode}: {last}"
    flaw = Flaw(str(file.path), problem, "move the work from import time into load()")
    return Verification(file.name, str(file.path), findings=(flaw,))


def _count_cases(file: ModelFile, models_dirs: Sequence[Path]) -> int:
    """Plan the suite ``full`` on the first device and dtype, and count the cases that apply."""
    model = load_model(file)
    setup = Setup(device=model.devices[0], dtype=model.dtypes[0], weights="random", scale="reduced")
    prepared = prepare(Spec(models=(file.name,), suite="full", setups=(setup,)), models_dirs)
    return len(prepared.plan.cases) - len(prepared.not_applicable)


def _without_model(roots: Sequence[Path]) -> Iterator[Path]:
    for root in roots:
        for path in sorted(root.glob("[!._]*/")):
            if not (path / "model.py").is_file():
                yield path


def _no_model(path: Path) -> Flaw:
    return Flaw(str(path), "a folder without model.py", f"`new model NAME --dir {path.parent}`, or move it elsewhere")


def _namesakes(of: Verification, files: Sequence[ModelFile]) -> Flaw:
    others = [str(file.path) for file in files if file.name == of.model and str(file.path) != of.path]
    return Flaw(of.path, f"another model has this name: {', '.join(others)}", "rename one of the folders")


def _with(of: Verification, flaw: Flaw) -> Verification:
    # The plan refuses two models of one name, too: drop that duplicate.
    kept = tuple(other for other in of.findings if "two models named" not in other.problem)
    return Verification(of.model, of.path, of.benchmarks, 0, (*kept, flaw))


if __name__ == "__main__":
    NAME, PATH, *FOLDERS = sys.argv[1:]
    print(json.dumps(asdict(verify_model(ModelFile(NAME, Path(PATH)), [Path(folder) for folder in FOLDERS]))))
