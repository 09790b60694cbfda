"""Image classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_bench.model.engines.transformers.called_network import CalledNetwork

if TYPE_CHECKING:
    from inference_bench.plan import Case

_SIDE = 224
"""Side of an image where the configuration states none: that of ImageNet's classifiers."""


class VisionModel(CalledNetwork):
    """Scores the classes of an image of the size in its configuration: …ForImageClassification.

    The pixels are noise of the mean and deviation of normalised images: no layer's cost depends on them.
    """

    auto_class = "AutoModelForImageClassification"
    drawn = "pixels drawn by the seed, mean 0, deviation 1"

    def inputs(self, case: Case) -> object:
        """Return images of shape (batch, channels, height, width)."""
        config: Any = self.network.config
        height, width = _sides(getattr(config, "image_size", _SIDE))
        channels = getattr(config, "num_channels", 3)
        return {"pixel_values": self.random_numbers(case, case.integer("batch_size"), channels, height, width)}


def _sides(size: Any) -> tuple[int, int]:
    """Return height and width: some configurations state one number for both."""
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
