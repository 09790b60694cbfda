"""Write any page, such as a comparison or findings, as console text, Markdown, HTML or for GitHub Actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.errors import UnknownNameError
from inference_bench.reports import _github_page, _html_page, _markdown_page
from inference_bench.reports._console_page import print_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inference_bench.reports._figures.figure import Figure
    from inference_bench.reports._pages.document import Page

_RENDERERS = {"console": print_page, "markdown": _markdown_page.write_page, "github": _github_page.write_page}
_FORMATS = (*_RENDERERS, "html")


def check_format(name: str, *others: str) -> None:
    """Refuse an unknown format, before anything is read.

    Raises:
        UnknownNameError: it is neither a format of pages nor one of the ``others``.
    """
    if name not in (*_FORMATS, *others):
        raise UnknownNameError("format", name, (*_FORMATS, *others))


def render(content: Page, name: str, stream: TextIO, charts: Callable[[], Iterable[Figure]] = tuple) -> None:
    """Write a page in the named format.

    Args:
        content: the page.
        name: of the format.
        stream: where to write.
        charts: returns the charts of the page; called only for a format that has charts.
    """
    if name == "html":
        _html_page.write_page(content, stream, charts())
    else:
        _RENDERERS[name](content, stream)
