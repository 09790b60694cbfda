"""The engine's own clock stands beside ours, for one and the same generation."""

from __future__ import annotations

from inference_bench._native import TickRecorder
from inference_bench.benchmarks._steps import own_clock_note
from inference_bench.model.interfaces import TextGenerator


class _Generator(TextGenerator):
    def __init__(self, own):
        self.own = own
        self.made = 0

    def prompt(self, length):
        return [0] * length

    def prefill(self, prompt):
        self.made += 1
        return 0

    def decode(self):
        self.made += 1
        return 0

    def generate(self, prompt, new_tokens):
        return [0] * new_tokens

    def own_times(self):
        return self.own


def test_an_engine_without_a_clock_generates_nothing_more():
    generator = _Generator(None)
    assert own_clock_note(generator, [0], 4, TickRecorder(5)) == ""
    assert generator.made == 0


def test_both_clocks_are_named_with_their_difference():
    generator = _Generator((2_500_000, [1_000_000, 3_000_000, 2_000_000]))
    note = own_clock_note(generator, [0], 4, TickRecorder(5))
    assert generator.made == 4
    assert "prompt 2.500 ms, by ours 0.00" in note
    assert "a further token 2.000 ms, by ours 0.00" in note
    assert note.count("%)") == 2


def test_a_clock_that_stood_still_has_no_ratio():
    assert "%" not in own_clock_note(_Generator((0, [0])), [0], 2, TickRecorder(3))
