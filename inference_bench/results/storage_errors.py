"""What a store says when it refuses, in one line: what happened, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from inference_bench.errors import StorageError

_SAYINGS = (
    (
        r"NO_SUCH_BUCKET|bucket.*(does not exist|not found)",
        "there is no such bucket",
        "Make it, or correct the address",
    ),
    (
        r"ACCESS_DENIED|HTTP status 40[13]|PERMISSION_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|"
        r"INVALID_CLIENT_TOKEN_ID|EXPIRED_TOKEN|UNAUTHENTICATED|access token",
        "access is denied",
        "Expected credentials that allow it: AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, "
        "GOOGLE_APPLICATION_CREDENTIALS, a profile, or a role",
    ),
    (
        r"HTTP status 30[0-9]",
        "the bucket is in another region",
        "Name it: ?region=NAME at the end of the address, or AWS_REGION",
    ),
    (
        r"NETWORK_CONNECTION|curlCode|UNAVAILABLE|DEADLINE_EXCEEDED|[Tt]imed? ?out",
        "no answer",
        "Check the network and the endpoint (AWS_ENDPOINT_URL, or ?endpoint_override=HOST:PORT)",
    ),
    (
        r"HTTP status 5\d\d|SLOW_DOWN|SERVICE_UNAVAILABLE|INTERNAL_FAILURE",
        "the store is unavailable",
        "Try again later",
    ),
)
"""A pattern in the store's words → what it means, and what to do."""


_QUOTED = 200
"""Characters of the store's own words that a message quotes."""


@contextmanager
def told_by_store(where: object) -> Iterator[None]:
    """Turn what a store says into one line that names the address.

    Raises:
        StorageError: the store cannot be reached, or refuses.
        FileNotFoundError: there is no such object.
    """
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"{where}: {_meaning(str(error))}") from error


def _meaning(said: str) -> str:
    words = " ".join(said.split()).rstrip(".")
    detail = re.sub(r"^When .*?: (?=AWS Error)", "", words)
    detail = re.sub(r" ?\(Request ID: [^)]*\)", "", detail).rstrip(".")
    detail = detail if len(detail) <= _QUOTED else f"{detail[:_QUOTED]}…"
    for pattern, meaning, advice in _SAYINGS:
        if re.search(pattern, words):
            return f"{meaning} ({detail}). {advice}."
    return f"the store refuses ({detail})."
