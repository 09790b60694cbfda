"""Speech recognition: Whisper and its kin, which generate text from a spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_bench.model.engines.transformers.called_network import CalledNetwork
from inference_bench.model.engines.transformers.library import import_transformers
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.plan import Case


class SpeechModel(CalledNetwork):
    """Writes down a spectrogram of the length in its configuration: …ForConditionalGeneration of Whisper.

    One call is the encoder's pass and ``generate`` of exactly ``new_tokens`` tokens, greedily.
    """

    auto_class = "AutoModelForSpeechSeq2Seq"
    call_axes = (*CalledNetwork.call_axes, Axis("new_tokens", (16,), help="tokens to generate"))
    drawn = "a spectrogram drawn by the seed, mean 0, deviation 1"

    def inputs(self, case: Case) -> object:
        """Return a spectrogram of shape (batch, mel bins, frames), and the settings of ``generate``."""
        config: Any = self.network.config
        frames = 2 * config.max_source_positions  # the first convolutions halve them
        spectrogram = self.random_numbers(case, case.integer("batch_size"), config.num_mel_bins, frames)
        return {"input_features": spectrogram, "settings": self._settings(case.integer("new_tokens"))}

    def _settings(self, new_tokens: int) -> object:
        """Return plain greedy settings: the model's own would add prompts, forced tokens, and an early end."""
        config: Any = self.network.config
        return import_transformers().GenerationConfig(
            do_sample=False,
            max_new_tokens=new_tokens,
            min_new_tokens=new_tokens,
            pad_token_id=0,
            decoder_start_token_id=config.decoder_start_token_id,
        )

    def call(self, inputs: Any) -> object:
        """Return the token ids, shape (batch, new tokens)."""
        import torch

        network: Any = self.network  # without generate() in transformers' annotations
        with torch.inference_mode():
            return {"tokens": network.generate(inputs["input_features"], generation_config=inputs["settings"])}
