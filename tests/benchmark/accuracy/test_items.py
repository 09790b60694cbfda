"""Every verdict on answers that are known in closed form."""

from __future__ import annotations

import math
import sys
import unicodedata

import numpy as np
import pytest

from inference_bench.analysis.score_summaries import summarise_scores
from inference_bench.benchmark.accuracy.multiple_choice import MultipleChoice
from inference_bench.benchmark.accuracy.passage import Passage
from inference_bench.benchmark.accuracy.question import Question, normalise
from inference_bench.benchmark.accuracy.task import sample
from inference_bench.benchmark.measurement import Measurement
from inference_bench.errors import InvalidValueError
from inference_bench.model.interfaces import Likelihood
from inference_bench.result import Scores
from inference_bench.spec import Limits
from tests.scorers import BitScorer


class Broken(BitScorer):
    """Its likelihoods are no numbers."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self._value = value

    def text_likelihood(self, text: str) -> Likelihood:
        return Likelihood(self._value, 1, False)


def verdicts(item: MultipleChoice) -> list[float]:
    return [score.value for score in item.score(BitScorer())]


def test_the_likeliest_choice_and_the_likeliest_by_length_differ() -> None:
    """b costs 2 bits, 2 a character; aaa costs 3, 1 a character."""
    assert verdicts(MultipleChoice("1", ("x",), ("b", "aaa"), 0)) == [1.0, 0.0]
    assert verdicts(MultipleChoice("1", ("x",), ("b", "aaa"), 1)) == [0.0, 1.0]


def test_of_equally_likely_choices_the_first_is_the_answer() -> None:
    assert verdicts(MultipleChoice("1", ("x",), ("c", "d"), 0)) == [1.0, 1.0]
    assert verdicts(MultipleChoice("1", ("x",), ("c", "d"), 1)) == [0.0, 0.0]


def test_the_separator_belongs_to_the_continuation_and_counts_for_no_character() -> None:
    scorer = BitScorer()
    MultipleChoice("1", ("x",), ("b", "aaa"), 0).score(scorer)
    MultipleChoice("2", ("x",), ("b", "aaa"), 0, separator="").score(scorer)
    assert scorer.asked == [("x", " b", " aaa"), ("x", "b", "aaa")]


def test_each_choice_may_have_a_context_of_its_own() -> None:
    scorer = BitScorer()
    scores = MultipleChoice("1", ("x", "y"), ("b", "a"), 1).score(scorer)
    assert scorer.asked == [("x", " b"), ("y", " a")]
    assert [score.value for score in scores] == [1.0, 1.0]
    assert scores[0].detail["context"] == "y"


def test_the_detail_says_what_was_chosen_and_why() -> None:
    detail = MultipleChoice("1", ("x",), ("b", "aaa"), 1).score(BitScorer())[0].detail
    assert detail["choice"] == 0
    assert detail["expected"] == 1
    assert detail["log_likelihoods"] == pytest.approx([-2 * math.log(2), -3 * math.log(2)])


@pytest.mark.parametrize("value", [math.nan, -math.inf])
@pytest.mark.parametrize(
    "item", [MultipleChoice("7", ("x",), ("a", "b"), 0), Passage("7", "a")], ids=["choice", "text"]
)
def test_numbers_that_are_none_give_no_verdict(value: float, item: MultipleChoice | Passage) -> None:
    with pytest.raises(InvalidValueError, match=r"log-likelihood of item 7: got .*(nan|inf).* expected finite numbers"):
        item.score(Broken(value))


def test_bits_per_byte_and_perplexity_of_one_text() -> None:
    bits, perplexity = Passage("1", "aab").score(BitScorer())
    assert (bits.metric, bits.value, bits.weight) == ("bits_per_byte", pytest.approx(4 / 3), 3)
    assert (perplexity.metric, perplexity.value, perplexity.weight) == ("perplexity", pytest.approx(2 ** (4 / 3)), 3)


def test_bytes_are_those_of_utf_8() -> None:
    assert Passage("1", "é").score(BitScorer())[0].value == pytest.approx(8 / 2)


def test_a_context_costs_nothing() -> None:
    scorer = BitScorer()
    assert Passage("1", " a", "what came before").score(scorer)[0].value == pytest.approx(1 / 2)
    assert scorer.asked == [("what came before", " a")]


def test_the_figure_of_a_task_is_that_of_all_its_text() -> None:
    """Over passages of different length, bits per byte and perplexity are those of the texts joined."""
    measurement = Measurement(Limits())
    texts = ["aaaa", "bc", "dddddd"]
    for number, text in enumerate(texts):
        for score in Passage(str(number), text).score(BitScorer()):
            measurement.score(score.metric, "task", str(number), score.value, weight=score.weight)
    columns = {name: np.array(column) for name, column in measurement.scores().items()}
    bits, perplexity = summarise_scores(Scores(run=np.zeros(6, np.int32), **columns))
    total = 4 + 2 + 3 + 18
    assert bits.headline.value == pytest.approx(total / 12)
    assert perplexity.headline.value == pytest.approx(2 ** (total / 12))
    low, high = perplexity.headline.low, perplexity.headline.high
    assert (math.log2(low), math.log2(high)) == pytest.approx((bits.headline.low, bits.headline.high))
    assert perplexity.headline.method.startswith("exp of Student's t")


def test_the_interval_of_a_share_ends_where_shares_do() -> None:
    """Two rows, one as alone and one not at all: Student's t reaches below 0 and above 1."""
    text = {name: np.array(["x"] * 2) for name in ("task", "item", "detail")}
    numbers = {"run": np.zeros(2, np.int32), "value": np.array([0.9, 0.1]), "weight": np.ones(2)}
    (summary,) = summarise_scores(Scores(metric=np.array(["batch_agreement"] * 2), **text, **numbers))
    assert (summary.headline.low, summary.headline.high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("reply", "right"),
    [(" Paris.", True), ("the PARIS!", True), ("Paris, France", False), ("", False), ("Lyon", False)],
)
def test_a_reply_is_compared_normalised(reply: str, right: bool) -> None:
    (score,) = Question("1", "Capital?", ("Paris", "City of Light")).score(BitScorer(reply))
    assert (score.metric, score.value) == ("exact_match", float(right))
    assert score.detail["text"] == reply


@pytest.mark.parametrize(
    ("pattern", "reply", "value"),
    [
        (r"\d+", "first 3, then 12 eggs", 1.0),
        (r"answer is (\d+)", "the answer is 12, not 13", 1.0),
        (r"\d+", "no number", 0.0),
    ],
)
def test_a_pattern_takes_its_last_match(pattern: str, reply: str, value: float) -> None:
    assert Question("1", "?", ("12",), new_tokens=64, pattern=pattern).score(BitScorer(reply))[0].value == value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,234", "1234"),
        ("$18", "18"),
        ("3.", "3"),
        ("  New\n York ", "new york"),
        ("An apple", "apple"),
        ("ﬁve", "five"),
        ("−5", "-5"),
        ("e\u0301t\u00e9", "\u00e9te\u0301"),
        ("co\u00adoperate", "cooperate"),
        ("\u200fשלום\u200f", "שלום"),
        ("दिल्\u200dली", "दिल्ली"),
    ],
)
def test_normalisation_unites(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"), [("3.5", "35"), ("-5", "5"), ("1,23", "123"), ("10:30", "1030"), ("a", "the"), ("x y", "xy")]
)
def test_normalisation_keeps_apart(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_every_combining_mark_is_part_of_its_word() -> None:
    """All marks of Unicode, of which ``\\w`` knows none: a word with the mark is another word than without."""
    kept = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in ("Mn", "Mc")]
    assert len(kept) > 2000
    base = "\u0915"  # a letter that composes with few of them
    drawn = [mark for mark in kept if normalise(f"{base}{mark}") == base]
    assert all("VARIATION SELECTOR" in unicodedata.name(mark) or mark == "\u034f" for mark in drawn)
    assert len({normalise(f"{base}{mark}") for mark in kept}) > 2000
    assert all(" " not in normalise(f"{base}{mark}{base}") for mark in kept)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("पिता", "पीता"), ("दिन", "दान"), ("कि", "की")),  # Hindi
        *(("ไม้", "ไม่"), ("ปา", "ป่า")),  # Thai
        *(("கல்", "கால்"), ("বল", "বালা"), ("កា", "កី"), ("မာ", "မို"), ("ལ", "ལི")),  # Tamil, Bengali, Khmer, Burmese, Tibetan
        *(("كَتَبَ", "كُتِبَ"), ("שָׁלֹם", "שִׁלֵּם")),  # Arabic and Hebrew with their points
        *(("+", "-"), ("?", "!"), ("👍", "👎"), ("+", "")),  # nothing but symbols
    ],
)
def test_words_that_differ_in_marks_or_symbols_only_differ(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_a_sample_is_always_the_same_and_in_order() -> None:
    items = list(range(1000))
    found = sample(items, 50)
    assert found == sample(items, 50) == sorted(set(found))
    assert len(found) == 50
    assert max(found) > 800  # from all over the set
    assert sample(items, 1000) == sample(items, 5000) == items
