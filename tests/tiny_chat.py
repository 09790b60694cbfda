"""A tiny random model that chats, for the example server."""

from __future__ import annotations

from pathlib import Path

_TEXT = Path(__file__).parent.parent / "inference_bench" / "model" / "prompt.txt"
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
