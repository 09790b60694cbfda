"""Zips that would do harm: each is refused by one line, and nothing is written outside of a temporary folder."""

from __future__ import annotations

import json
import os
import stat
import struct
import zipfile

import pytest

from inference_bench.dossier import places
from inference_bench.dossier.layout import DossierError
from inference_bench.dossier.places import opened
from inference_bench.errors import InferenceBenchError, RunFormatError

EMPTY = {"dossier_version": 1, "tool": {}, "schema_version": 1, "rules_version": 1, "runs": ["runs/a"], "files": []}


def zipped(path, *members, manifest=EMPTY):
    """Write a zip of names, or (name, kind) or (name, data)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MANIFEST.json", json.dumps(manifest))
        for name, data, kind in members:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (kind | 0o644) << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return path


def refusal(place):
    with pytest.raises(InferenceBenchError) as caught, opened(place):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/evil", "runs/../../evil", "runs\\..\\evil", "C:/evil", "a//b", "./a", "a\tb", "..", "runs/.."],
)
def test_a_name_that_leaves_the_folder_is_refused(name, tmp_path):
    place = zipped(tmp_path / "d.zip", (name, b"x", stat.S_IFREG))

    assert "inside of the dossier" in refusal(place)
    assert [path.name for path in tmp_path.iterdir()] == ["d.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_device_is_refused(kind, tmp_path):
    assert "is a link, a device" in refusal(zipped(tmp_path / "d.zip", ("runs/a", b"/etc/passwd", kind)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_occurs_twice_is_refused(tmp_path):
    members = [("a", b"1", stat.S_IFREG), ("a", b"2", stat.S_IFREG)]

    assert "occurs twice" in refusal(zipped(tmp_path / "d.zip", *members))


def test_a_bomb_is_stopped_by_its_size_and_not_by_what_it_says(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "MOST_BYTES", 1 << 20)
    place = zipped(tmp_path / "d.zip", ("bomb", b"\0" * (8 << 20), stat.S_IFREG))
    data = bytearray(place.read_bytes())
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)  # the second entry of the directory
    struct.pack_into("<I", data, at + 24, 10)  # it says: 10 bytes
    lying = tmp_path / "lying.zip"
    lying.write_bytes(data)

    assert place.stat().st_size < 20_000
    assert "larger than" in refusal(place)
    assert "larger than" in refusal(lying) or "not a whole zip" in refusal(lying)


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "MOST_FILES", 3)

    assert "expected up to 3" in refusal(
        zipped(tmp_path / "d.zip", *((f"f{place}", b"", stat.S_IFREG) for place in range(5)))
    )


@pytest.mark.parametrize("data", [b"", b"no zip at all", b"PK\x03\x04 cut off"])
def test_something_else_is_no_dossier(data, tmp_path):
    (tmp_path / "d.zip").write_bytes(data)

    assert "not a whole zip" in refusal(tmp_path / "d.zip")


def test_a_folder_without_manifest_and_a_place_that_is_not_there(tmp_path):
    assert "no MANIFEST.json" in refusal(tmp_path)
    assert "no such folder or zip" in refusal(tmp_path / "missing")


def test_a_link_in_a_folder_is_refused(tmp_path):
    (tmp_path / "MANIFEST.json").write_text(json.dumps(EMPTY))
    os.symlink("/etc/passwd", tmp_path / "README.md")

    with pytest.raises(DossierError, match="is a link"), opened(tmp_path):
        pass


@pytest.mark.parametrize(
    "changes",
    [
        {"dossier_version": 99},
        {"runs": []},
        {"runs": ["../a"]},
        {"runs": ["elsewhere/a"]},
        {"files": [{"path": "/etc/passwd", "sha256": "", "bytes": 1}]},
        {"files": [{"path": "x", "sha256": 5, "bytes": 1}]},
        {"files": None},
    ],
)
def test_a_manifest_that_points_elsewhere_or_is_damaged_is_refused(changes, tmp_path):
    with pytest.raises(RunFormatError), opened(zipped(tmp_path / "d.zip", manifest={**EMPTY, **changes})):
        pass


def test_a_folder_around_all_files_is_left_out(tmp_path):
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("outer/", "")
        archive.writestr("outer/MANIFEST.json", json.dumps(EMPTY))

    with opened(path) as (folder, manifest):
        assert manifest["runs"] == ["runs/a"]
        assert [file.name for file in folder.iterdir()] == ["MANIFEST.json"]
