"""Pages for GitHub Actions: the summary of a step as Markdown, and annotations of the workflow's run.

With ``GITHUB_STEP_SUMMARY`` set, what would go to standard output is appended to that file. With
``GITHUB_ACTIONS=true`` lines such as ``::error title=…::…`` go to standard output; GitHub shows them beside the checks
of a pull request.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from inference_bench.errors import InvalidValueError
from inference_bench.reports._markdown_page import block_lines, escaped
from inference_bench.reports._pages.document import Block, Cell, Page, Remarks, Tone
from inference_bench.units import MIB, counted

MOST_BYTES = MIB
"""Size of a step's summary that GitHub accepts; it shows nothing of a larger one."""
MOST_ANNOTATIONS = 10
"""Annotations of one level in one step that GitHub shows; it drops the others."""

_RESERVE = 512
_OPEN_ROWS = 40
"""Rows of a page whose tables stand open, because they are the answer and short."""

_SIGNS = {Tone.ALARM: "❌ ", Tone.WARNING: "⚠️ ", Tone.GOOD: "✅ "}
_LEVELS = {Tone.ALARM: "error", Tone.WARNING: "warning"}
_LOUD = (Tone.STRONG, *_SIGNS)

_ACTIVE = re.compile(r"[@#](?=[\w\[])|:(?=//)|\bwww(?=\.)", re.IGNORECASE)
_COMMENT = "<!-- -->"
"""Separates characters that GitHub would make a mention, a reference or a link of; it is not shown."""


def write_page(content: Page, stream: TextIO) -> None:
    """Write any page: to the step's summary and as annotations if standard output is asked for, else to the stream.

    Raises:
        InvalidValueError: the file of the step's summary cannot be written.
    """
    summary = os.environ.get("GITHUB_STEP_SUMMARY") if stream is sys.stdout else None
    if summary:
        _append(Path(summary), content)
    else:
        stream.write(markdown(content))
    if stream is sys.stdout and os.environ.get("GITHUB_ACTIONS") == "true":
        stream.writelines(f"{line}\n" for line in annotations_of(content))


def _append(path: Path, content: Page) -> None:
    try:
        with open(path, "a", encoding="utf-8", newline="\n") as file:
            file.write(markdown(content, MOST_BYTES - path.stat().st_size))
    except OSError as error:
        raise InvalidValueError(
            "GITHUB_STEP_SUMMARY", str(path), "a file that can be written", f"The system says: {error.strerror}."
        ) from error


# The summary


def markdown(content: Page, most_bytes: int = MOST_BYTES) -> str:
    """Return a page as Markdown for GitHub: the answer first, then the set-ups side by side, the rest folded.

    Args:
        content: the page.
        most_bytes: parts that do not fit in are left out, and counted.
    """
    parts = [_safe(part) for part in _parts(content)]
    found, left_out = [], 0
    left = most_bytes - _RESERVE
    for part in parts:
        size = len(part.encode())
        if size > left:
            left_out += 1
        else:
            found.append(part)
            left -= size
    if left_out:
        found.append(f"\n{counted(left_out, 'part')} left out: a step's summary holds 1 MiB.\n")
    return "".join(found)


def _parts(content: Page) -> Iterator[str]:
    """Yield the parts in the order in which they are shown and kept."""
    yield _text(_answer(content))
    if content.overview:
        yield _text(["", *block_lines(content.overview)])
    rows = sum(len(section) for block in content.blocks for table in block.tables for section in table.sections)
    loud = [remarks for remarks in content.remarks if _tone(remarks.lines) is Tone.ALARM]
    for remarks in loud:
        yield _text(["", f"#### {escaped(remarks.heading)}", "", *_items(remarks)])
    for block in content.blocks:
        yield _folded(block.heading.text, _block(block), is_open=rows <= _OPEN_ROWS and not content.overview)
    for remarks in content.remarks:
        if remarks not in loud:
            yield _folded(remarks.heading, _items(remarks))
    if content.legend:
        yield _folded("How to read this", [escaped(content.legend)])


def _answer(content: Page) -> Iterator[str]:
    lines = [*(content.verdict.lines if content.verdict else ()), *content.lines]
    for cell in sorted(lines, key=lambda cell: cell.tone is Tone.QUIET):
        text = escaped(cell.text)
        yield f"{_SIGNS.get(cell.tone, '')}**{text}**  " if cell.tone in _LOUD else f"{text}  "
    if content.verdict and content.verdict.tiles:
        yield ""
    for tile in content.verdict.tiles if content.verdict else ():
        details = ", ".join(escaped(cell.text) for cell in tile.details)
        yield f"- {escaped(tile.label)}: **{escaped(tile.figure.text)}**" + (f" ({details})" if details else "")
    yield ""


def _block(block: Block) -> Iterator[str]:
    _, _, *lines = block_lines(block)  # without the heading, which stands in the fold
    return (f"##{line}" if line.startswith("### ") else line for line in lines)


def _items(remarks: Remarks) -> Iterator[str]:
    return (f"- {_SIGNS.get(cell.tone, '')}{escaped(cell.text)}" for cell in remarks.lines)


def _folded(heading: str, lines: Iterable[str], *, is_open: bool = False) -> str:
    start = f"<details{' open' * is_open}><summary>{escaped(heading)}</summary>"
    return _text(["", start, "", *lines, "", "</details>"])


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _tone(cells: Sequence[Cell]) -> Tone:
    """Return the loudest tone."""
    tones = {cell.tone for cell in cells}
    return next((tone for tone in (Tone.ALARM, Tone.WARNING) if tone in tones), Tone.PLAIN)


def _safe(text: str) -> str:
    """Return Markdown without mentions, references and links, which texts of models could contain.

    A line that begins with ``::`` or has ``##[`` in it would be a command to the workflow's runner.
    """
    text = _ACTIVE.sub(lambda found: found.group() + _COMMENT, text)
    return re.sub(r"^(\s*)::", r"\1&#58;:", text, flags=re.MULTILINE)


# The annotations


def annotations_of(content: Page) -> Iterator[str]:
    """Yield a workflow command for each loud line of a page; for a page without any, one notice with its answer."""
    title = content.lines[0].text if content.lines else "inference_bench"
    answer = [*(content.verdict.lines if content.verdict else ()), *content.lines]
    cells = [("inference_bench", cell) for cell in answer]
    cells += [(remarks.heading, cell) for remarks in content.remarks for cell in remarks.lines]
    loud = [(heading, cell) for heading, cell in cells if cell.tone in _LEVELS]
    for tone, level in _LEVELS.items():
        of_level = [(heading, cell.text) for heading, cell in loud if cell.tone is tone]
        shown = of_level if len(of_level) <= MOST_ANNOTATIONS else of_level[: MOST_ANNOTATIONS - 1]
        yield from (command(level, text, heading) for heading, text in shown)
        if len(shown) < len(of_level):
            yield command(level, f"and {len(of_level) - len(shown)} more, in the step's summary", "inference_bench")
    if not loud:
        yield command("notice", answer[0].text if answer else title, "inference_bench")


def command(level: str, message: str, title: str) -> str:
    """Return a workflow command, escaped as GitHub's runner expects it.

    >>> command("error", "50 % slower", "decode: ITL, all")
    '::error title=decode%3A ITL%2C all::50 %25 slower'
    """
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
