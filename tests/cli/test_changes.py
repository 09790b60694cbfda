from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import pytest

from inference_bench.cli._changes import read_changes
from inference_bench.cli._interleaved import _known_names, variant
from inference_bench.errors import InvalidValueError
from inference_bench.spec import SETUP_AXES

KNOWN = ("threads", "dtype", "model", "input_length")


def read(text):
    changes = read_changes(text, lambda: KNOWN)
    return dict(changes.settings), changes.environment


@pytest.mark.parametrize(
    ("text", "settings", "environment"),
    [
        ("", {}, {}),
        ("dtype=bfloat16", {"dtype": "bfloat16"}, {}),
        ("env:X_Y=1,threads=1", {"threads": "1"}, {"X_Y": "1"}),
        ("threads=1,env:X_Y=1", {"threads": "1"}, {"X_Y": "1"}),
        ("env:X=1, env:Y=2 ,dtype = float16", {"dtype": "float16"}, {"X": "1", "Y": "2 "}),
        ("env:X=,threads=2", {"threads": "2"}, {"X": ""}),
        ("env:X=a=b", {}, {"X": "a=b"}),
        ("env:KMP_AFFINITY=granularity=fine,compact,1,0", {}, {"KMP_AFFINITY": "granularity=fine,compact,1,0"}),
        ("env:K=granularity=fine,compact,1,0,threads=2", {"threads": "2"}, {"K": "granularity=fine,compact,1,0"}),
        ("threads=2,env:K=fine,1,env:L=2,3", {"threads": "2"}, {"K": "fine,1", "L": "2,3"}),
        ("env:XLA_FLAGS=--a=1,--b=2", {}, {"XLA_FLAGS": "--a=1,--b=2"}),
        ("env:MALLOC_CONF=narenas:1,tcache:false", {}, {"MALLOC_CONF": "narenas:1,tcache:false"}),
        (
            'env:K="verbose,granularity=fine,threads=3",threads=2',
            {"threads": "2"},
            {"K": "verbose,granularity=fine,threads=3"},
        ),
        ("env:K='a,b=c'", {}, {"K": "a,b=c"}),
        ("env:K=\"it's\",env:L='x,y'", {}, {"K": "it's", "L": "x,y"}),
        ("env:X=1,,2", {}, {"X": "1,,2"}),
    ],
)
def test_changes_are_told_from_values_with_commas(text, settings, environment):
    assert read(text) == (settings, environment)


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["env:X=1,2", "threads=1", "env:Y=a=b", "dtype=float16"]))
)
def test_the_order_means_nothing(order):
    assert read(",".join(order)) == ({"threads": "1", "dtype": "float16"}, {"X": "1,2", "Y": "a=b"})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("env:X=1,thread=2", "'thread' is none"),
        ("env:X=a,b=c", "quote that"),
        ("threads", "NAME=VALUE"),
        ("threads=", "NAME=VALUE"),
        ("threads=1,2", "NAME=VALUE"),
        ("env:1X=2", "NAME=VALUE"),
        ("env:X", "NAME=VALUE"),
        ("threads=1,threads=2", "threads once"),
        ("env:X=1,env:X=2", "env:X once"),
    ],
)
def test_what_cannot_be_told_is_refused(text, word):
    with pytest.raises(InvalidValueError, match=word):
        read(text)


def test_every_axis_of_every_benchmark_is_a_change():
    known = _known_names(argparse.Namespace(models_dir=[], benchmarks_dir=[]))

    assert known >= {"model", "weights", "scale", "seed", *SETUP_AXES, "input_length", "new_tokens", "batch_size"}


@pytest.mark.parametrize("change", ["models_dir=b,revision=main", "revision=main,models_dir=b"])
def test_a_revision_is_of_all_folders_wherever_it_stands(change, tmp_path, monkeypatch):
    class Copies:
        def copy_of(self, folder, revision):
            return Path(f"{folder}@{revision}")

        def state_of(self, folders):
            return None

    monkeypatch.setattr("inference_bench.cli._request.spec_of", lambda args: args)
    args = argparse.Namespace(
        axis=[], models_dir=[Path("a")], benchmarks_dir=[], label=None, note="", tag=[], settings=()
    )

    assert variant(change, args, Copies()).models_dirs == (Path("a@main"), Path("b@main"))
