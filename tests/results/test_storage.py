"""Addresses, and folders on a store: a real S3 server over HTTP."""

import itertools
from pathlib import Path

import pytest

from inference_bench.errors import InvalidValueError, StorageError
from inference_bench.results.storage import StoredPath, is_address, place_of, stored_place
from tests.object_store import object_store


@pytest.fixture(scope="module")
def server():
    with object_store() as running:
        yield running


@pytest.fixture
def store(server):
    yield server
    server.answer()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/a/b", True),
        ("gs://bucket", True),
        ("file:///tmp", True),
        ("a/b", False),
        ("./s3:/x", False),
        ("tag:pull=http://x", False),
        (Path("a"), False),
    ],
)
def test_what_is_an_address(text, expected):
    assert is_address(text) is expected


def test_an_address_is_bucket_key_and_how_the_store_is_reached():
    place = stored_place("s3://bucket/a//b/?region=eu-west-1")
    assert (place.scheme, str(place.path), place.query) == ("s3", "bucket/a/b", "region=eu-west-1")
    assert str(place / "run.json") == "s3://bucket/a/b/run.json?region=eu-west-1"
    assert str((place / "c").parent) == str(place)
    assert place_of(str(place)) == place


def test_a_file_address_is_a_path():
    assert place_of("file:///tmp/with%20blank") == Path("/tmp/with blank")


@pytest.mark.parametrize(
    ("address", "part"),
    [
        ("s4://bucket/a", "s3://bucket/folder, gs://bucket/folder"),
        ("s3://", "s3://bucket/folder"),
        ("s3://bucket?endpont=x", "got 'endpont', expected endpoint_override, scheme or region"),
        ("file://host/a", "file:///folder"),
    ],
)
def test_a_wrong_address_is_refused(address, part):
    with pytest.raises(InvalidValueError, match="address") as refused:
        place_of(address)
    assert part in str(refused.value)


def test_credentials_in_an_address_are_refused_and_not_repeated():
    with pytest.raises(InvalidValueError) as refused:
        place_of("s3://AKIA:very-secret@bucket/a")
    assert "secret" not in str(refused.value)
    assert "AWS_ACCESS_KEY_ID" in str(refused.value)


def test_objects_are_written_replaced_listed_and_deleted(store):
    folder = store.place("listed")
    assert not folder.exists()
    assert list(folder.iterdir()) == []
    (folder / "a" / "x").write_bytes(b"old")
    (folder / "a" / "x").write_bytes(b"new")
    (folder / "b").write_bytes(b"")

    assert (folder / "a" / "x").read_bytes() == b"new"
    assert [path.name for path in folder.iterdir()] == ["a", "b"]
    assert folder.files() == ["a/x", "b"]
    assert (folder.is_dir(), folder.is_file()) == (True, False)
    assert ((folder / "b").is_dir(), (folder / "b").is_file()) == (False, True)

    (folder / "b").unlink()
    (folder / "b").unlink()
    assert folder.files() == ["a/x"]
    with pytest.raises(FileNotFoundError):
        (folder / "b").read_bytes()


def test_folders_with_a_file_are_found_at_any_depth_but_not_below_one(store):
    folder = store.place("found")
    for name in ("run=1/node=a/run.json", "run=1/node=a/samples/run.json", "run=2/node=b/share=1/run.json", "x/y"):
        (folder / name).write_bytes(b"")
    names = [str(path.path.relative_to(folder.path)) for path in folder.folders_with("run.json")]
    assert names == ["run=1/node=a", "run=2/node=b/share=1"]


def test_a_probe_leaves_nothing(store):
    folder = store.place("probed")
    folder.check_writable()
    assert folder.files() == []


@pytest.mark.parametrize(
    ("refusal", "part"),
    [
        ("403 Forbidden", "access is denied"),
        ("301 Moved", "the bucket is in another region"),
        ("503 Slow Down", "the store is unavailable"),
    ],
)
def test_what_a_store_refuses_is_one_line_with_advice(store, refusal, part):
    folder = store.place("refused")
    store.refusal = refusal
    with pytest.raises(StorageError) as refused:
        folder.check_writable()
    message = str(refused.value)
    assert message.startswith(f"{folder}: {part} (AWS Error")
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("status", "code", "sentence", "part"),
    [
        ("403 Forbidden", "InvalidAccessKeyId", "The key of this bucket does not exist.", "access is denied"),
        ("403 Forbidden", "SignatureDoesNotMatch", "The signature does not match.", "access is denied"),
        ("400 Bad Request", "ExpiredToken", "The provided token has expired.", "access is denied"),
        ("400 Bad Request", "InvalidToken", "The provided token is invalid.", "access is denied"),
        ("403 Forbidden", "RequestTimeTooSkewed", "The difference is too large.", "the clock of this machine differs"),
        ("404 Not Found", "NoSuchBucket", "The specified bucket does not exist", "there is no such bucket"),
        ("301 Moved", "PermanentRedirect", "Use the specified endpoint.", "the bucket is in another region"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", "expecting 'eu'", "the bucket is in another region"),
        ("403 Forbidden", "QuotaExceeded", "Bucket quota exceeded", "the store has no room left"),
        ("507 Insufficient Storage", "XMinioStorageFull", "Too few free.", "the store has no room left"),
        ("400 Bad Request", "RequestTimeout", "Nothing was written to the bucket not found.", "no answer"),
        ("503 Slow Down", "SlowDown", "Please reduce your request rate.", "the store is unavailable"),
        ("500 Internal Server Error", "InternalError", "An internal error.", "the store is unavailable"),
        ("400 Bad Request", "SomethingNew", "The bucket does not exist, or not found.", "the store refuses (AWS Error"),
    ],
)
def test_the_code_of_an_error_decides_what_it_means_and_not_its_sentence(store, status, code, sentence, part):
    store.refusal, store.reason = status, (code, sentence)
    with pytest.raises(StorageError) as refused:
        store.place("refused").check_writable()
    assert f": {part}" in str(refused.value)
    assert refused.value.is_temporary == ((status[0] == "5" and "507" not in status) or code == "RequestTimeout")


def test_a_refusal_without_words_names_what_does_that(store):
    store.refusal = "400 Bad Request"
    with pytest.raises(StorageError, match=r"does not say why .*expired.* another region"):
        (store.place("refused") / "x").read_bytes()


def test_a_bucket_that_is_not_there(store):
    with pytest.raises(StorageError, match=r"no such bucket .* Make it, or correct the address"):
        stored_place(f"s3://absent/x{store.query}").check_writable()


def test_an_endpoint_where_nobody_answers():
    place = stored_place("s3://bucket/x?endpoint_override=127.0.0.1:9&scheme=http")
    with pytest.raises(StorageError, match=r"no answer .*curlCode: 7.* Check the network and the endpoint"):
        place.read_bytes()


def test_the_endpoint_and_its_scheme_come_from_the_variable_of_other_tools(store, monkeypatch):
    (store.place("seen") / "x").write_bytes(b"1")
    host = dict(pair.split("=") for pair in store.query.removeprefix("?").split("&"))["endpoint_override"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}/")
    place = place_of("s3://runs/seen")
    assert isinstance(place, StoredPath)
    assert (place / "x").read_bytes() == b"1"


def test_a_large_object_of_which_a_part_is_refused_is_not_seen_in_part(store):
    """Arrow sends it in parts, and makes an object of those that arrived; three refusals are its own tries."""
    place = store.place("large") / "x"
    place.write_bytes(b"old")
    begun = store.writes

    def refuse_one_part():
        store.refusal = "503 Slow Down" if 3 <= store.writes - begun < 6 else None

    store.on_write = refuse_one_part
    content = bytes(25 << 20)
    with pytest.raises(StorageError):
        place.write_bytes(content)
    store.answer()
    assert place.read_bytes() == b"old"
    assert store.place("large").files() == ["x"]
    place.write_bytes(content)
    assert store.place("large").sizes() == {"x": len(content)}


@pytest.mark.parametrize("others", [[50], [150], [100], [150, 50], [50, 150, 100, 99]])
def test_an_object_that_is_replaced_while_it_is_read_is_one_version_of_it(store, others):
    place = store.place("replaced") / "x"
    place.write_bytes(b"a" * 100)
    left = [bytes([letter]) * length for letter, length in zip(b"bcde", others, strict=False)]
    last = left[-1]

    def replace():
        if left:
            place.write_bytes(left.pop(0))

    store.on_get = replace
    assert place.read_bytes() == last
    assert not left


def test_an_object_that_is_deleted_while_it_is_read_is_not_found(store):
    place = store.place("deleted") / "x"
    place.write_bytes(b"a")
    store.on_get = place.unlink
    with pytest.raises(FileNotFoundError):
        place.read_bytes()


def test_an_object_that_is_replaced_whenever_it_is_read_ends_with_a_message(store):
    place, count = store.place("busy") / "x", itertools.count(2)
    place.write_bytes(b"a")
    store.on_get = lambda: place.write_bytes(b"a" * next(count))
    with pytest.raises(StorageError, match=r"busy/x.*replaced each of 20 times.*Try again") as refused:
        place.read_bytes()
    assert refused.value.is_temporary


def test_an_object_that_is_there_but_whose_content_is_refused(store):
    place = store.place("unreadable") / "x"
    place.write_bytes(b"a")
    store.refusal, store.refused = "403 Forbidden", ("GET",)
    for read in (place.read_bytes, place.read_immutable):
        with pytest.raises(StorageError, match="access is denied"):
            read()


def test_an_immutable_object_is_read_by_two_requests(store):
    place = store.place("once") / "x"
    place.write_bytes(b"a")
    before = store.requests
    assert place.read_immutable() == b"a"
    assert store.requests == before + 2
    assert place.read_bytes() == b"a"
    assert store.requests == before + 5
    with pytest.raises(FileNotFoundError):
        (place.parent / "absent").read_immutable()
