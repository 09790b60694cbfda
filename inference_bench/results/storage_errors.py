"""What a store says when it refuses, in one line: what happened, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from inference_bench.errors import StorageError

_QUOTED = 200
"""Characters of the store's own words that a message quotes."""
_AWS = re.compile(
    r"AWS Error (?P<code>\w+)(?: \(HTTP status (?P<status>\d+)\))? during \w+ operation: "
    r"(?:Unable to parse ExceptionName: (?P<name>\w+))?"
)
"""How Arrow words an error of S3: a code of its SDK, else the status, with the code of the store if it told one."""


@dataclass(frozen=True, slots=True)
class _Saying:
    """Words of stores, and what they mean.

    Attributes:
        pattern: of the words; of an error of S3 only code and status count, for its sentence may name anything.
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
        r"QUOTA|STORAGE_FULL|HTTP status 507",
        "the store has no room left",
        "Free some of it, or raise its quota.",
    ),
    _Saying(
        r"REQUEST_TIME_TOO_SKEWED|REQUEST_EXPIRED",
        "the clock of this machine differs from the store's",
        "Set it: credentials hold for a time.",
    ),
    _Saying(
        r"ACCESS_DENIED|HTTP status 40[13]|PERMISSION_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|"
        r"CLIENT_TOKEN_ID|UNRECOGNIZED_CLIENT|EXPIRED_TOKEN|INVALID_TOKEN|UNAUTHENTICATED|access token",
        "access is denied",
        "Expected credentials that allow it: AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, "
        "GOOGLE_APPLICATION_CREDENTIALS, a profile, or a role.",
    ),
    _Saying(
        r"HTTP status 30[0-9]|PERMANENT_REDIRECT|AUTHORIZATION_HEADER_MALFORMED|LOCATION_CONSTRAINT",
        "the bucket is in another region",
        "Name it: ?region=NAME at the end of the address, or AWS_REGION.",
    ),
    _Saying(
        r"HTTP status 5\d\d|SLOW_DOWN|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|THROTTLING|RESOURCE_EXHAUSTED",
        "the store is unavailable",
        "Try again later.",
        is_temporary=True,
    ),
    _Saying(
        r"NETWORK_CONNECTION|REQUEST_TIMEOUT|curlCode|UNAVAILABLE|DEADLINE_EXCEEDED|[Tt]imed? ?out",
        "no answer",
        "Check the network and the endpoint (AWS_ENDPOINT_URL, or ?endpoint_override=HOST:PORT).",
        is_temporary=True,
    ),
    _Saying(
        r"^UNKNOWN HTTP status 400$",
        "the store refuses and does not say why",
        "Credentials that have expired do that, and a bucket in another region (?region=NAME).",
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
        told = _told(words)
        found = next((saying for saying in _SAYINGS if re.search(saying.pattern, told)), _ANYTHING)
        message = f"{where}: {found.meaning} ({_detail(words)}). {found.advice}".rstrip()
        raise StorageError(message, is_temporary=found.is_temporary) from error


def _told(words: str) -> str:
    """Return the code and the status of an error of S3, such as ``SLOW_DOWN``; other words as they are."""
    found = _AWS.search(words)
    if found is None:
        return words
    code, status, name = found["code"], found["status"], found["name"]
    if name is not None:
        code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
    return code if status is None else f"{code} HTTP status {status}"


def _detail(words: str) -> str:
    """Return a store's words without what only its operator needs."""
    detail = re.sub(r"^When .*?: (?=AWS Error)", "", words)
    detail = re.sub(r"Unable to parse ExceptionName: (\w+) Message: ", r"\1: ", detail)
    detail = re.sub(r" ?\(Request ID: [^)]*\)| error_info=\{.*\}|\. Detail: .*", "", detail).rstrip(".")
    return detail if len(detail) <= _QUOTED else f"{detail[:_QUOTED]}…"
