"""``run.json`` and ``results.json``: their content, and how they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_bench.result import SCHEMA_VERSION, BenchmarkResult, RunRecord
from inference_bench.results.atomic_file import write_atomically
from inference_bench.results.run_folder import RECORD, RESULTS
from inference_bench.results.serialization import record_to_plain, result_to_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def entry(result: BenchmarkResult, files: Mapping[str, str | None]) -> dict[str, object]:
    """Return the entry of one case in ``results.json``."""
    return {**result_to_plain(result), **files}


def results_document(record: RunRecord, entries: Iterable[Mapping[str, object]]) -> dict[str, object]:
    """Return the content of ``results.json``."""
    return {"schema_version": SCHEMA_VERSION, "run": record.id, "results": list(entries)}


def encode(document: Mapping[str, object]) -> bytes:
    """Return a document as JSON, indented, because people read these files and compare them with ``diff``."""
    import orjson

    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def entries_in(folder: Path) -> dict[str, dict[str, object]]:
    """Return the entries that the run in a folder has so far, by the id of their case."""
    import orjson

    path = folder / RESULTS
    entries: list[dict[str, Any]] = orjson.loads(path.read_bytes())["results"] if path.exists() else []
    return {of_case["case"]["id"]: of_case for of_case in entries}


def write_documents(folder: Path, record: RunRecord, entries: Iterable[Mapping[str, object]]) -> None:
    """Write both files.

    run.json comes last: it makes the folder a run, and never names a case that results.json lacks.
    """
    write_atomically(folder / RESULTS, encode(results_document(record, entries)))
    write_atomically(folder / RECORD, encode({"schema_version": SCHEMA_VERSION, **record_to_plain(record)}))
