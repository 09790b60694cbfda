"""Redirects that ``watch`` follows: those of the same server, because the token goes with the request."""

from __future__ import annotations

from http.client import HTTPMessage
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request


class SameServer(HTTPRedirectHandler):
    """Refuses a redirect to another scheme, host or port."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the request for the new address."""
        if urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            raise URLError(f"it redirects to another server, {newurl!r}, which does not get the token")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
