"""Text encoders with a head: classes of a text, of each token, or the ends of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.model.engines.transformers.called_network import CalledNetwork
from inference_bench.model.engines.transformers.token_rows import token_rows
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.model.load_steps import LoadSteps
    from inference_bench.model.weights.references import ResolvedWeights
    from inference_bench.plan import Case
    from inference_bench.spec import Setup

_NO_TOKEN = -1


class ClassifierModel(CalledNetwork):
    """Scores the classes of a text: …ForSequenceClassification."""

    auto_class = "AutoModelForSequenceClassification"
    min_input_length = 3
    """A begin token, an end token, and one word between them."""
    call_axes = (*CalledNetwork.call_axes, Axis("input_length", (128,), help="tokens of each text"))

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        """Load as every model; where no token is stated as padding, none is: all rows are full."""
        super().load(setup, weights, steps)
        if self.text_config.pad_token_id is None:
            self.text_config.pad_token_id = _NO_TOKEN

    def inputs(self, case: Case) -> object:
        """Return rows of token ids, another part of the text for each seed; full rows need no mask."""
        length, rows = case.integer("input_length"), case.integer("batch_size")
        return {"input_ids": token_rows(self, length, rows, case.setup.seed)}


class TokenClassifierModel(ClassifierModel):
    """Scores the classes of each token: …ForTokenClassification."""

    auto_class = "AutoModelForTokenClassification"


class AnswerFinderModel(ClassifierModel):
    """Scores each token as the first and the last of an answer: …ForQuestionAnswering."""

    auto_class = "AutoModelForQuestionAnswering"
