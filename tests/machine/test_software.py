from __future__ import annotations

from inference_bench.machine.software import relevant_variables


def test_variables_that_matter_are_kept_and_secrets_are_not(monkeypatch):
    given = {"OMP_NUM_THREADS": "3", "LD_PRELOAD_X": "no", "HF_TOKEN": "hf_secret", "TOKENIZERS_PARALLELISM": "false"}
    for name, value in {**given, "HOME_ADDRESS": "no"}.items():
        monkeypatch.setenv(name, value)

    found = relevant_variables()

    assert (found["OMP_NUM_THREADS"], found["HF_TOKEN"], found["TOKENIZERS_PARALLELISM"]) == ("3", "(set)", "false")
    assert not {"HOME_ADDRESS", "LD_PRELOAD_X"} & set(found)


SECRETS = {
    "HF_TOKEN": "hf_abc",
    "HF_CREDENTIALS": "abc",
    "MKL_LICENSE_KEY": "abc",
    "TORCH_AUTH": "abc",
    "HF_PASSWD": "abc",
    "CUDA_Session_Cookie": "abc",
    "HF_ENDPOINT": "https://user:abc@hub.example.org/path?revision=1&access_token=abc",
    "PYTORCH_INDEX": "see http://abc@one.example and https://a:abc@two.example",
    "PYTHON_PROXY": "Authorization: Bearer abcabcabc",
}


def test_no_secret_is_recorded_and_nothing_else_is_hidden(monkeypatch):
    plain = {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "2", "HF_HUB_CACHE": "/a@b/https:/c"}
    for name, value in {**SECRETS, **plain}.items():
        monkeypatch.setenv(name, value)

    found = relevant_variables()

    assert SECRETS.keys() <= found.keys()
    assert all("abc" not in found[name] for name in SECRETS), found
    assert found["HF_ENDPOINT"] == "https://(set)@hub.example.org/path?revision=1&access_token=(set)"
    assert {name: found[name] for name in plain} == plain
