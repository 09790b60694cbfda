"""The stores that ``pyarrow.fs`` reaches, by the scheme of an address."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from inference_bench.errors import InvalidValueError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_CONNECT_S, _REQUEST_S, _ATTEMPTS = 5.0, 10.0, 3
"""A store that does not answer within seconds is out of reach; whoever asked tries again later."""
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_DEFAULT_REGION = "us-east-1"
_ENDPOINT, _SCHEME, _REGION = "endpoint_override", "scheme", "region"


@cache
def open_filesystem(scheme: str, bucket: str, query: str = "") -> FileSystem:
    """Return the store of an address; nothing is asked of it, but the region of a bucket of AWS if it is unknown.

    Args:
        scheme: one of ``SCHEMES``.
        bucket: name of the bucket.
        query: ``endpoint_override=HOST:PORT``, ``scheme=http`` and ``region=NAME``, joined by ``&``.

    Raises:
        StorageError: the region of a bucket of AWS cannot be found out.
    """
    return SCHEMES[scheme](bucket, _options(query))


def check_options(query: str) -> None:
    """Refuse options of an address that do not exist.

    Raises:
        InvalidValueError: there is one.
    """
    unknown = sorted(_options(query).keys() - {_ENDPOINT, _SCHEME, _REGION})
    if unknown:
        expected = f"{_ENDPOINT}, {_SCHEME} or {_REGION}"
        raise InvalidValueError("option of an address", ", ".join(unknown), expected, "Credentials never stand in one.")


def _s3(bucket: str, options: Mapping[str, str]) -> FileSystem:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    endpoint, scheme = _endpoint(options, _first_set(_ENDPOINTS))
    return S3FileSystem(
        endpoint_override=endpoint or None,
        scheme=scheme,
        region=options.get(_REGION) or _first_set(_REGIONS) or _region_of(bucket, has_endpoint=bool(endpoint)),
        connect_timeout=_CONNECT_S,
        request_timeout=_REQUEST_S,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        allow_delayed_open=True,  # a small object is one request: a kill leaves nothing of it in the store
        background_writes=False,  # a thread of Arrow's would still hold bytes of ours when an upload fails
    )


def _gs(bucket: str, options: Mapping[str, str]) -> FileSystem:
    from pyarrow.fs import GcsFileSystem

    endpoint, scheme = _endpoint(options, os.environ.get("STORAGE_EMULATOR_HOST", ""))
    return GcsFileSystem(
        anonymous=scheme == "http",  # an emulator: a token would be sent in clear, and there is none to be found
        endpoint_override=endpoint or None,
        scheme=scheme,
        retry_time_limit=timedelta(seconds=_REQUEST_S),
    )


SCHEMES: Mapping[str, Callable[[str, Mapping[str, str]], FileSystem]] = {"s3": _s3, "gs": _gs}
"""Scheme → what opens its store."""


def _endpoint(options: Mapping[str, str], variable: str) -> tuple[str, str]:
    """Return host with port, and scheme, of the endpoint: the address's own, else that of a variable."""
    given = options.get(_ENDPOINT) or variable
    scheme, separator, rest = given.partition("://")
    host = urlsplit(f"//{rest}" if separator else f"//{given}").netloc
    return host, options.get(_SCHEME) or (scheme if separator else "https")


def _region_of(bucket: str, *, has_endpoint: bool) -> str:
    """Return the region of a bucket; a store that is not AWS takes any."""
    from pyarrow.fs import resolve_s3_region

    from inference_bench.results.storage_errors import told_by_store

    if has_endpoint:
        return _DEFAULT_REGION
    with told_by_store(f"s3://{bucket}"):
        return str(resolve_s3_region(bucket))


def _options(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True))


def _first_set(variables: tuple[str, ...]) -> str:
    return next((value for name in variables if (value := os.environ.get(name))), "")
