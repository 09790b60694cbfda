"""Folders of models and benchmarks as content: what is sent, what is left out, and where it is used."""

import base64
import json
import shutil
from dataclasses import replace

import pytest

from inference_bench.errors import InferenceBenchError, InvalidValueError
from inference_bench.orchestration.placement import code_folder as module
from inference_bench.orchestration.placement.code_folder import CodeFolder, code_folder, weights_in
from inference_bench.results.reading import read_as
from inference_bench.results.serialization import plain


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path):
    made = write(tmp_path / "driver" / "models", mine__model_py="a = 1\n", mine__data="é")
    (made / "mine" / "weights.safetensors").write_bytes(bytes(1000))
    (made / "mine" / "__pycache__").mkdir()
    (made / "mine" / "__pycache__" / "model.pyc").write_bytes(b"old")
    (made / ".git").mkdir()
    (made / ".git" / "HEAD").write_text("ref: main")
    return made


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def elsewhere(sent):
    """What a node gets that has no such folder."""
    return replace(read_as(CodeFolder, json.loads(json.dumps(plain(sent))), "share"), path="/no/such/folder/models")


def test_a_node_without_the_folder_gets_its_code_and_no_weights(folder, tmp_path):
    placed = elsewhere(code_folder(folder)).placed(tmp_path / "node")
    assert placed.name == "models"
    assert files(placed) == {"mine/model.py": b"a = 1\n", "mine/data": "é".encode()}
    assert weights_in(folder) == ["mine/weights.safetensors"]


def test_a_node_with_the_same_code_at_the_same_path_uses_that(folder, tmp_path):
    assert code_folder(folder).placed(tmp_path / "node") == folder
    assert not (tmp_path / "node").exists()


def test_a_node_with_other_code_at_the_same_path_uses_what_was_sent(folder, tmp_path):
    sent = code_folder(folder)
    write(folder, mine__model_py="a = 2\n")
    placed = sent.placed(tmp_path / "node")
    assert placed != folder
    assert (placed / "mine" / "model.py").read_text() == "a = 1\n"


def test_the_digest_is_that_of_names_and_contents_and_of_nothing_else(folder, tmp_path):
    digest = code_folder(folder).digest
    (folder / "mine" / "weights.safetensors").write_bytes(bytes(2000))
    shutil.rmtree(folder / "mine" / "__pycache__")
    copy = shutil.copytree(folder, tmp_path / "other")
    assert code_folder(copy).digest == digest
    (copy / "mine" / "data").rename(copy / "mine" / "datum")
    assert code_folder(copy).digest != digest


def test_what_a_killed_process_left_half_is_unpacked_again(folder, tmp_path):
    sent = elsewhere(code_folder(folder))
    (sent.placed(tmp_path / "node") / "mine" / "model.py").write_text("a =")
    assert files(sent.placed(tmp_path / "node"))["mine/model.py"] == b"a = 1\n"


def test_content_that_was_damaged_is_refused(folder, tmp_path):
    write(folder, mine__model_py="a = 3\n")
    other = code_folder(folder).content
    with pytest.raises(InferenceBenchError, match="damaged on its way"):
        replace(elsewhere(code_folder(folder)), digest="0" * 64, content=other).placed(tmp_path / "node")
    assert base64.b64decode(other)[:2] == b"PK"


@pytest.mark.parametrize(("limit", "value"), [("LARGEST_BYTES", 5), ("MOST_FILES", 1)])
def test_a_folder_that_is_too_large_is_refused_with_advice(folder, monkeypatch, limit, value):
    monkeypatch.setattr(module, limit, value)
    with pytest.raises(InvalidValueError, match=r"folder of code: got .*models.*besides weights.*nothing but models"):
        code_folder(folder)


def test_a_link_that_leads_to_its_own_folder_ends(folder):
    (folder / "again").symlink_to(folder)
    assert code_folder(folder).digest
