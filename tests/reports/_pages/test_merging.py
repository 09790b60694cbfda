from __future__ import annotations

from inference_bench.reports._pages.merging import alike


def test_sentences_of_one_shape_are_said_once_with_the_range_of_each_figure():
    sentences = ["waited 7% of 2 threads", "no figure", "waited 1,030.5% of 2 threads", "waited 12% of 2 threads"]

    assert [(group.text, len(group.members)) for group in alike(sentences)] == [
        ("waited 7 to 1,030.5% of 2 threads", 3),
        ("no figure", 1),
    ]
