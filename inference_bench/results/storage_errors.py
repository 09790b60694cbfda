"""What a store says when it refuses, in one line: what happened, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from inference_bench.errors import StorageError

_QUOTED = 200
"""Characters of the store's own words that a message quotes."""


@dataclass(frozen=True, slots=True)
class _Saying:
    """Words of stores, and what they mean.

    Attributes:
        pattern: of the words.
        meaning: what happened.
        advice: what to do.
        is_temporary: whether it may be over in a moment.
    """

    pattern: str
    meaning: str
    advice: str
    is_temporary: bool = False


_SAYINGS = (
    _Saying(
        r"NO_SUCH_BUCKET|bucket.*(does not exist|not found)|Status\(NOT_FOUND",
        "there is no such bucket",
        "Make it, or correct the address.",
    ),
    _Saying(
        r"ACCESS_DENIED|HTTP status 40[13]|PERMISSION_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|"
        r"INVALID_CLIENT_TOKEN_ID|EXPIRED_TOKEN|UNAUTHENTICATED|access token",
        "access is denied",
        "Expected credentials that allow it: AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, "
        "GOOGLE_APPLICATION_CREDENTIALS, a profile, or a role.",
    ),
    _Saying(
        r"HTTP status 30[0-9]",
        "the bucket is in another region",
        "Name it: ?region=NAME at the end of the address, or AWS_REGION.",
    ),
    _Saying(
        r"HTTP status 5\d\d|SLOW_DOWN|SERVICE_UNAVAILABLE|INTERNAL_FAILURE",
        "the store is unavailable",
        "Try again later.",
        is_temporary=True,
    ),
    _Saying(
        r"NETWORK_CONNECTION|curlCode|UNAVAILABLE|DEADLINE_EXCEEDED|[Tt]imed? ?out",
        "no answer",
        "Check the network and the endpoint (AWS_ENDPOINT_URL, or ?endpoint_override=HOST:PORT).",
        is_temporary=True,
    ),
)
_ANYTHING = _Saying("", "the store refuses", "")


@contextmanager
def told_by_store(where: object, *, reads: bool = True) -> Iterator[None]:
    """Turn what a store says into one line that names the address.

    Args:
        where: the address.
        reads: whether what is not found may be an object; where one is written, it is the bucket.

    Raises:
        StorageError: the store cannot be reached, or refuses.
        FileNotFoundError: there is no such object.
    """
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        if reads and isinstance(error, FileNotFoundError):
            raise
        words = " ".join(str(error).split()).rstrip(".")
        found = next((saying for saying in _SAYINGS if re.search(saying.pattern, words)), _ANYTHING)
        message = f"{where}: {found.meaning} ({_detail(words)}). {found.advice}".rstrip()
        raise StorageError(message, is_temporary=found.is_temporary) from error


def _detail(words: str) -> str:
    """Return a store's words without what only its operator needs."""
    detail = re.sub(r"^When .*?: (?=AWS Error)", "", words)
    detail = re.sub(r" ?\(Request ID: [^)]*\)| error_info=\{.*\}|\. Detail: .*", "", detail).rstrip(".")
    return detail if len(detail) <= _QUOTED else f"{detail[:_QUOTED]}…"
