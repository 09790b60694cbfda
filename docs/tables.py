"""Write the tables of metrics and columns, as the package declares them, into the pages that show them.

python docs/tables.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from inference_bench.analysis.advice.rules import CLASS_RULES
from inference_bench.cli._foreign_names import FOREIGN_NAMES
from inference_bench.columns import TABLES, Column, columns_of_file
from inference_bench.metrics import METRICS

DOCS = Path(__file__).parent


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each page with tables and the text that it should have."""
    guide, results = DOCS / "guide.md", DOCS / "results.md"
    yield guide, with_table(guide.read_text(encoding="utf-8"), "metrics", _metrics())
    text = results.read_text(encoding="utf-8")
    for name, columns in TABLES.items():
        text = with_table(text, f"columns of {name}", _columns(columns_of_file(columns)))
    yield results, text
    advice = DOCS / "advice.md"
    text = with_table(advice.read_text(encoding="utf-8"), "classes", _classes())
    yield advice, with_table(text, "figures", _figures())
    coming_from = DOCS / "coming-from.md"
    text = coming_from.read_text(encoding="utf-8")
    for tool in ("lm-eval", "vllm bench", "llama-bench", "optimum-benchmark", "pyperf", "other tools"):
        text = with_table(text, f"options of {tool}", _foreign_names(tool))
    yield coming_from, text


def with_table(page: str, name: str, lines: Iterator[str]) -> str:
    """Return the text of a page with the table between its two marks."""
    begin, end = f"<!-- {name}: written by docs/tables.py -->", f"<!-- end of {name} -->"
    if begin not in page or end not in page:
        raise ValueError(f"no mark {begin!r} in the page")
    table = "\n".join(lines)
    return re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n\n{table}\n\n{end}", page, flags=re.DOTALL)


def _metrics() -> Iterator[str]:
    yield "| metric | unit | better | definition | source |"
    yield "| --- | --- | --- | --- | --- |"
    for metric in METRICS.values():
        cells = (metric.unit, metric.better.value, metric.formula, metric.source)
        yield f"| `{metric.tag}` ({_plain(metric.title)}) | {' | '.join(map(_plain, cells))} |"


def _columns(columns: tuple[Column, ...]) -> Iterator[str]:
    yield "| column | type | may be null | meaning |"
    yield "| --- | --- | --- | --- |"
    for column in columns:
        null = "" if column.missing is None else "yes"
        yield f"| `{column.name}` | {column.kind.stored} | {null} | {_plain(column.help)} |"


def _classes() -> Iterator[str]:
    yield "| class | of | holds if | meaning |"
    yield "| --- | --- | --- | --- |"
    for rule in CLASS_RULES:
        conditions = " and ".join(condition.text for condition in rule.conditions)
        yield f"| {rule.title} | {', '.join(rule.phases)} | {_plain(conditions)} | {_plain(rule.meaning)} |"


def _figures() -> Iterator[str]:
    yield "| figure | threshold | what it is | why this threshold |"
    yield "| --- | --- | --- | --- |"
    for condition in dict.fromkeys(condition for rule in CLASS_RULES for condition in rule.conditions):
        cells = (condition.what, condition.text.removeprefix(condition.what).strip(), condition.meaning, condition.why)
        yield f"| {' | '.join(map(_plain, cells))} |"


def _foreign_names(tool: str) -> Iterator[str]:
    yield "| there | here |"
    yield "| --- | --- |"
    for name in (name for name in FOREIGN_NAMES if tool in name.tools):
        here = f"`{name.here}`" if name.here else ""
        yield f"| {', '.join(f'`{option}`' for option in name.options)} | {' '.join(filter(None, (here, name.note)))} |"


def _plain(text: str) -> str:
    """Return text in which nothing but code is Markdown."""
    return re.sub(r"([|*<\\])", r"\\\1", text)


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
