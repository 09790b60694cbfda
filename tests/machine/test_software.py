from __future__ import annotations

from inference_bench.machine.software import relevant_variables


def test_variables_that_matter_are_kept_and_secrets_are_not(monkeypatch):
    given = {"OMP_NUM_THREADS": "3", "LD_PRELOAD_X": "no", "HF_TOKEN": "hf_secret", "TOKENIZERS_PARALLELISM": "false"}
    for name, value in {**given, "HOME_ADDRESS": "no"}.items():
        monkeypatch.setenv(name, value)

    found = relevant_variables()

    assert (found["OMP_NUM_THREADS"], found["HF_TOKEN"], found["TOKENIZERS_PARALLELISM"]) == ("3", "(set)", "false")
    assert not {"HOME_ADDRESS", "LD_PRELOAD_X"} & set(found)
