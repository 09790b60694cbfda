"""Check a dossier: every file by its digest, every figure by the raw columns, every page by what it follows from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from inference_bench.dossier.derived import derived_files
from inference_bench.dossier.layout import COMPARISON, MANIFEST, DossierError
from inference_bench.dossier.manifest import Manifest, digest_of, this_tool
from inference_bench.dossier.places import opened
from inference_bench.dossier.recomputation import Findings, Mismatch, recompute_run
from inference_bench.errors import RunFormatError
from inference_bench.results.reading import read_as, read_json
from inference_bench.results.run import Run, load_run
from inference_bench.results.run_folder import RESULTS


class _Row(TypedDict):
    before: Mapping[str, object]
    metric: str
    phase: str


class _Sides(TypedDict):
    rows: Sequence[_Row]


class _ComparisonDocument(TypedDict):
    """The parts of ``comparison.json`` that lead to its figures."""

    comparisons: Sequence[_Sides]


@dataclass(frozen=True, slots=True)
class DossierCheck:
    """The outcome.

    Attributes:
        runs: ids, the baseline first.
        files: number of files whose digests agree.
        digest: SHA-256 of the manifest.
        tool: version and commit that wrote the dossier.
        matched: figures that agree.
        mismatches: those that do not.
        unchecked: what cannot be recomputed → number of figures.
    """

    runs: tuple[str, ...]
    files: int
    digest: str
    tool: Mapping[str, str]
    matched: int
    mismatches: tuple[Mismatch, ...]
    unchecked: Mapping[str, int]


def check_dossier(place: Path) -> DossierCheck:
    """Check a dossier.

    Args:
        place: folder or zip.

    Raises:
        RunFormatError: no dossier, or one that is not safe to open.
        DossierError: a file is not the one that the manifest names.
    """
    with opened(place) as (folder, manifest):
        try:
            runs = [load_run(folder / name) for name in manifest["runs"]]
            findings = Findings()
            for run in runs:
                recompute_run(run, findings)
            _check_raw_files(folder, manifest, runs, place)
            _check_derived(folder, manifest, runs, findings)
        except RunFormatError as error:
            raise RunFormatError(str(error).replace(f"{folder}", f"{place}")) from error
        return DossierCheck(
            runs=tuple(run.record.id for run in runs),
            files=len(manifest["files"]),
            digest=digest_of(folder / MANIFEST),
            tool=manifest["tool"],
            matched=findings.matched,
            mismatches=tuple(findings.mismatches),
            unchecked={name: count for name, count in findings.unchecked.items() if count},
        )


def _check_raw_files(folder: Path, manifest: Manifest, runs: Sequence[Run], place: Path) -> None:
    """Refuse raw columns that no case names: they would pass for evidence.

    Raises:
        DossierError: there are some.
    """
    named = set()
    for run in runs:
        assert isinstance(run.folder, Path)
        inside = run.folder.relative_to(folder).as_posix()
        named |= {f"{inside}/{file}" for files in run.files.values() for file in files.values() if file}
    raw = [file["path"] for file in manifest["files"] if file["path"].endswith(".parquet")]
    other = [name for name in raw if name not in named]
    if other:
        raise DossierError(f"{place}: {other[0]!r} belongs to no case of {RESULTS}. Ask for the dossier again.")


def _check_derived(folder: Path, manifest: Manifest, runs: Sequence[Run], findings: Findings) -> None:
    """Compare the pages, the tables and the comparison with those that this version makes of the runs."""
    is_own = dict(manifest["tool"]) == this_tool()
    expected = derived_files(folder, runs)
    listed = {file["path"] for file in manifest["files"]}
    for name in sorted(expected.keys() - listed):
        findings.mismatches.append(Mismatch(name, "file", None, "expected"))
    for name in sorted(expected.keys() & listed):
        if name == COMPARISON:
            _compare_comparison(folder / name, expected[name], findings)
        elif (folder / name).read_bytes() == expected[name]:
            findings.matched += 1
        elif is_own:
            findings.mismatches.append(Mismatch(name, "content", "other text", "what the runs give"))
        else:
            version = f"{manifest['tool'].get('version')} ({manifest['tool'].get('commit', '')[:7] or 'no commit'})"
            findings.unchecked[f"pages and tables that version {version} wrote in another form"] += 1


def _compare_comparison(path: Path, expected: bytes, findings: Findings) -> None:
    import orjson

    stored = read_as(_ComparisonDocument, read_json(path), path.name)
    recomputed: _ComparisonDocument = orjson.loads(expected)
    rows, again = _rows(stored), _rows(recomputed)
    if len(rows) == len(again):
        for row, other in zip(rows, again, strict=True):
            findings.compare(f"{COMPARISON} {row['before'].get('slug')}", f"{row['metric']} {row['phase']}", row, other)
    findings.compare(COMPARISON, "rows", len(rows), len(again))
    findings.compare(COMPARISON, "", _without_rows(stored), _without_rows(recomputed))


def _rows(document: _ComparisonDocument) -> list[_Row]:
    return [row for of in document["comparisons"] for row in of["rows"]]


def _without_rows(document: _ComparisonDocument) -> dict[str, object]:
    sides = [{name: value for name, value in of.items() if name != "rows"} for of in document["comparisons"]]
    return {**document, "comparisons": sides}
