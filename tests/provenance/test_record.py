"""The marks that a user may give, and how code has changed."""

from __future__ import annotations

import pytest

from inference_bench.errors import InvalidValueError
from inference_bench.provenance.record import CodeState, Provenance, code_change, marked

COMMIT = "1a2b3c4" + "0" * 33
OTHER = "5d6e7f8" + "0" * 33


def test_marks_are_kept():
    marks = marked("nightly", "a\nnote ", [("pull", "123"), ("pull", "123"), ("who.me-2", "a b")])
    assert marks == Provenance(label="nightly", note="a note", tags={"pull": "123", "who.me-2": "a b"})


@pytest.mark.parametrize(
    "label",
    [
        "latest",
        "LATEST",
        "latest~2",
        "latest~x",
        "tag:a=b",
        "commit:1a2b",
        "20261123T2015",
        "a/b",
        " a",
        "a\nb",
        "x" * 101,
    ],
)
def test_a_label_that_is_another_selector_or_no_name_is_refused(label):
    with pytest.raises(InvalidValueError, match="label: got"):
        marked(label)


@pytest.mark.parametrize("tag", [("", "x"), ("a b", "x"), ("a", ""), ("a", "x\ny"), ("ä", "x"), ("a", "x" * 101)])
def test_a_tag_without_a_plain_key_and_a_value_is_refused(tag):
    with pytest.raises(InvalidValueError, match="KEY=VALUE"):
        marked(tags=[tag])


def test_one_key_has_one_value():
    with pytest.raises(InvalidValueError, match="tag a: got '1 and 2', expected one value"):
        marked(tags=[("a", "1"), ("a", "2")])


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (CodeState(COMMIT, changed_files=0), "commit 1a2b3c4"),
        (CodeState(COMMIT, changed_files=1), "commit 1a2b3c4 (1 file changed)"),
        (CodeState(COMMIT, changed_files=2), "commit 1a2b3c4 (2 files changed)"),
        (CodeState(COMMIT), "commit 1a2b3c4 (changes unknown)"),
    ],
)
def test_a_state_in_words(state, text):
    assert state.text == text


def of(commit, repository="a", changed_files=0, digest=""):
    return Provenance(code=CodeState(commit, "main", repository, changed_files, digest))


@pytest.mark.parametrize(
    ("former", "present", "said"),
    [
        (of(COMMIT), of(COMMIT), ""),
        (of(COMMIT), of(OTHER), "commit 1a2b3c4 before, commit 5d6e7f8 now"),
        (of(COMMIT), of(OTHER, "b"), ""),
        (of(COMMIT), Provenance(), ""),
        (Provenance(), of(COMMIT), ""),
        (of(COMMIT, changed_files=None), of(COMMIT), ""),
        (
            of(COMMIT, changed_files=1, digest="1"),
            of(COMMIT, changed_files=1, digest="2"),
            "commit 1a2b3c4 (1 file changed), with other changes than before",
        ),
    ],
)
def test_a_change_is_told_where_both_are_known(former, present, said):
    assert code_change(former, present) == said


CLEAN, UNKNOWN = CodeState(COMMIT, changed_files=0), CodeState(COMMIT)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (CLEAN, CLEAN, False),
        (CLEAN, CodeState(COMMIT, "main", "a", changed_files=0), False),
        (CLEAN, UNKNOWN, False),
        (CLEAN, CodeState(COMMIT, changed_files=1, changes_digest="1"), True),
        (CLEAN, CodeState(COMMIT, changed_files=1), True),
        (CodeState(COMMIT, changed_files=1), CodeState(COMMIT, changed_files=1, changes_digest="1"), False),
        (
            CodeState(COMMIT, changed_files=1, changes_digest="1"),
            CodeState(COMMIT, changed_files=1, changes_digest="2"),
            True,
        ),
        (UNKNOWN, CodeState(OTHER), True),
    ],
)
def test_what_is_unknown_is_no_difference_and_the_branch_is_none(one, other, differ):
    assert one.is_known_to_differ(other) == other.is_known_to_differ(one) == differ
