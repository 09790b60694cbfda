"""Base class of networks on transformers that read no prompt: one call runs one batch of inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from inference_bench.model.engines.transformers.base import TransformersModel
from inference_bench.spec import Axis

if TYPE_CHECKING:
    import torch

    from inference_bench.plan import Case


class CalledNetwork(TransformersModel):
    """Runs the network on its keyword arguments; a subclass says which they are.

    Attributes:
        drawn: what the inputs are, for people.
    """

    abilities = ("call",)
    call_axes: ClassVar[tuple[Axis, ...]] = (Axis("batch_size", (1,), help="items in one call"),)
    drawn: ClassVar[str] = ""

    def call(self, inputs: Any) -> object:
        """Run one forward pass and return the network's outputs."""
        import torch

        with torch.inference_mode():
            return self.network(**inputs)

    def describe(self) -> dict[str, object]:
        """Return the exact size, the settings that affect speed, and what the inputs are."""
        about = super().describe()
        return {**about, "prompt": self.drawn} if self.drawn else about

    def random_numbers(self, case: Case, *shape: int) -> torch.Tensor:
        """Return numbers of mean 0 and deviation 1 in the network's dtype, drawn in float32 by the case's seed."""
        import torch

        generator = torch.Generator().manual_seed(case.setup.seed)
        return torch.randn(shape, generator=generator).to(self.network.device, self.network.dtype)
