"""The example server as a process of its own, with a tiny random model that chats."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
"""A script's own folder stands in for the current one, which has the package."""

_TEXT = ROOT / "inference_bench" / "model" / "prompt.txt"
_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}assistant:"
)


def tiny_chat_weights(folder: Path) -> Path:
    """Write a Llama of 2 layers and a byte-level tokenizer into a folder, unless they are there, and return it."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

    if folder.exists():
        return folder
    trained = ByteLevelBPETokenizer()
    trained.train([str(_TEXT)], vocab_size=300, special_tokens=["<s>", "</s>"], show_progress=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = _TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=None,
        pad_token_id=0,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


@contextmanager
def example_server(weights: Path, results: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the server; give its process and its address, without a path."""
    command = [sys.executable, str(ROOT / "examples" / "serve_fastapi.py"), "--weights", str(weights), "--port", "0"]
    with subprocess.Popen(
        [*command, "--results", str(results)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stderr is not None
        try:
            said = []
            for line in process.stderr:
                said.append(line)
                if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                    break
            else:
                pytest.fail(f"it did not start: {''.join(said)}")
            drain = threading.Thread(target=process.stderr.read)  # otherwise the pipe would fill up
            drain.start()
            yield process, found[1]
        finally:
            process.kill()
            drain.join()
