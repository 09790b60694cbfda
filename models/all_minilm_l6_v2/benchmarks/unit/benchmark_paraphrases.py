"""Check that a sentence is closer to its paraphrase than to an unrelated sentence with the same words."""

from __future__ import annotations

from inference_bench import Benchmark, Case, Measurement, Model, NotApplicableError

_TRIPLES = (
    ("A man is playing a guitar.", "Someone makes music on a guitar.", "A man is repairing a car."),
    ("The cat sleeps on the sofa.", "A kitty is napping on the couch.", "The dog barks at the sofa delivery man."),
    ("How do I reset my password?", "I forgot my login and need a new one.", "How do I reset my kitchen timer?"),
    ("Prices rose sharply last year.", "Inflation was high in the past twelve months.", "The river rose last year."),
    ("She booked a flight to Rome.", "She bought a plane ticket to Italy's capital.", "She read a book about Rome."),
    ("It is raining heavily outside.", "There is a downpour.", "It is quiet outside."),
    ("The bank raised its interest rates.", "Loans have become dearer.", "We sat on the bank of the river."),
    ("He broke his leg while skiing.", "A skiing accident left him with a fracture.", "He broke the news to her."),
)
"""A sentence, its paraphrase, and an unrelated sentence with some of its words."""


class Paraphrases(Benchmark):
    """Compare cosines of vectors; the unrelated sentences share words, so counting words would fail."""

    title = "Paraphrases and strangers"
    headline = ("accuracy",)
    repeats = False

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse random weights, whose vectors are meaningless."""
        model.require("encode")
        if case.setup.weights == "random":
            raise NotApplicableError("these weights have no tokenizer")

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Encode all sentences and score each triple."""
        vectors = model.encoder().encode_texts([text for triple in _TRIPLES for text in triple])
        for number, texts in enumerate(_TRIPLES):
            sentence, paraphrase, stranger = vectors[3 * number : 3 * number + 3]
            near, far = _cosine(sentence, paraphrase), _cosine(sentence, stranger)
            detail = {"texts": texts, "paraphrase": near, "stranger": far}
            measurement.score("accuracy", "paraphrases", str(number + 1), float(near > far), detail=detail)


def _cosine(one: list[float], other: list[float]) -> float:
    """Return the cosine of two unit vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True))
