from __future__ import annotations

import pytest

from inference_bench.dossier.private_facts import PrivateFacts


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('File "/srv/models/bench/model.py", line 3', 'File "…/model.py", line 3'),
        ("--models-dir=/srv/models --output /data/out/runs", "--models-dir=…/models --output …/runs"),
        ("PYTHONPATH=/a/b:/c/d", "PYTHONPATH=…/b:…/d"),
        ("file:///srv/models/w.bin", "…/w.bin"),
        ("-I/usr/include/x -O2", "-I…/x -O2"),
        ("/srv/models/my weights", "…/my weights"),
        ("cannot open '/srv/models/w'", "cannot open '…/w'"),
        ("12 tokens/s and/or https://huggingface.co/Qwen/Qwen3-0.6B", None),
        ("echo 1 > /sys/devices/system/cpu/smt/control", None),
        ("models/tiny/model.py and …/w and ~/x", None),
        ("1/2, N/A, [0/1]", None),
    ],
)
def test_only_absolute_paths_are_cut_to_their_last_part(text, told):
    assert PrivateFacts().text(text) == (text if told is None else told)


def test_a_path_of_the_command_line_is_known_with_its_spaces():
    facts = PrivateFacts(words=["run", "--weights=/srv/models/my weights/w 1"])

    assert facts.text("weights: /srv/models/my weights/w 1 (local)") == "weights: …/w 1 (local)"


def test_two_paths_that_end_alike_stay_apart_and_each_is_cut_in_one_way():
    facts = PrivateFacts()

    told = [facts.text(path) for path in ("/a/b/w", "/c/d/w", "/a/b/w")]

    assert told == ["…/w", "…/w~2", "…/w"]


def test_the_host_is_left_out_of_texts_but_not_of_cases():
    facts = PrivateFacts(hosts=["node-7"])
    data = {"case": {"model": "node-7"}, "notes": ["ran on node-7, not on node-71"], "n": 7}

    assert facts.plain(data) == {"case": {"model": "node-7"}, "notes": ["ran on (host), not on node-71"], "n": 7}


def test_tokens_are_hidden():
    assert PrivateFacts().text("with hf_abcdefghijklmnopqrst") == "with (set)"
