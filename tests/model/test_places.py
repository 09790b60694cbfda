"""A value of ``--model`` that is no name is a place of weights, or is refused with what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference_bench.benchmark.discovery import find_benchmarks
from inference_bench.errors import UnknownNameError, UsageError
from inference_bench.model.discovery import find_models, load_model, resolve_models
from inference_bench.model.places import name_of, place_of
from inference_bench.model.weights.cache import Fetched, store
from inference_bench.model.weights.references import HubWeights
from tests.place_folders import BERT, LLAMA, place
from tests.stored_weights import write_gguf


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, an empty cache, and no hub."""
    monkeypatch.setenv("INFERENCE_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def names(*words: str) -> list[str]:
    known = find_models()
    return [file.name for file in resolve_models(words, known).values()]


def refusal(word: str) -> str:
    with pytest.raises(UsageError) as caught:
        resolve_models([word], find_models())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("word", ["./Llama-3.2 tiny", "Llama-3.2 tiny", "./Llama-3.2 tiny/", "~/Llama-3.2 tiny"])
def test_a_folder_is_a_model_that_its_files_describe(here: Path, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    folder = place(here / "Llama-3.2 tiny", dtype="BF16")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    model = load_model(resolve_models([word], {})[word])
    assert (model.name, model.title, model.license) == ("llama_3_2_tiny", "Llama-3.2 tiny", "apache-2.0")
    assert (model.parameters, model.published_dtype, model.max_input_length) == (12, "bfloat16", 128)
    assert (model.abilities, model.tokenized, model.local_path()) == (("generate", "score"), False, folder)


def test_a_gguf_file_is_a_model(here: Path) -> None:
    write_gguf(here / "Tiny-Q4.gguf")
    model = load_model(resolve_models(["Tiny-Q4.gguf"], {})["Tiny-Q4.gguf"])
    assert (model.name, model.title, model.max_input_length) == ("tiny_q4", "Tiny-Q4", 64)
    assert (model.parameters, model.tokenized, model.local_path()) == (1384, True, here / "Tiny-Q4.gguf")


def test_a_text_encoder_embeds(here: Path) -> None:
    place(here / "sentences", BERT)
    assert load_model(resolve_models(["sentences"], {})["sentences"]).abilities == ("encode",)


def test_known_names_come_first_and_keep_their_names(here: Path) -> None:
    place(here / "null")
    place(here / "mine" / "smollm2_135m_instruct")
    assert names("null", "./null") == ["null", "null_2"]
    assert names("./mine/smollm2_135m_instruct") == ["mine_smollm2_135m_instruct"]


def test_folders_of_one_name_are_told_apart_by_the_folders_around_them(here: Path) -> None:
    for folder in ("one/final", "two/final", "other"):
        place(here / folder)
    assert names("./one/final", "./two/final", "./other") == ["one_final", "two_final", "other"]
    assert names("./one/final") == ["final"]
    files = resolve_models(["./one/final", "./two/final"], {})
    assert [load_model(file).title for file in files.values()] == ["one/final", "two/final"]


def test_one_place_may_not_be_given_twice(here: Path) -> None:
    place(here / "one")
    with pytest.raises(UsageError, match=r"got '\./one and one/', expected each place once"):
        resolve_models(["./one", "one/"], {})


def test_a_folder_of_the_hubs_cache_has_the_name_of_its_repository(here: Path) -> None:
    word = "./models--Qwen--Qwen9-0.6B/snapshots/0123456789abcdef"
    place(here / word)
    assert names(word) == ["qwen9_0_6b"]


@pytest.mark.parametrize(
    ("title", "name"),
    [("Llama-3.2-1B", "llama_3_2_1b"), ("7B", "model_7b"), ("模型", "model"), ("_.", "model"), ("a" * 99, "a" * 60)],
)
def test_names_are_safe(title: str, name: str) -> None:
    assert name_of(title) == name


def test_a_repository_in_the_cache_needs_no_network() -> None:
    store("owner--Tiny@main", "hub", lambda scratch: Fetched(place(scratch / "files"), "tiny"), print)
    model = load_model(resolve_models(["owner/Tiny"], {})["owner/Tiny"])
    assert (model.name, model.hub, model.parameters) == ("tiny", HubWeights("owner/Tiny", "main"), 12)


def test_a_repository_that_is_nowhere_is_one_line_at_once() -> None:
    error = refusal("owner/name@v1")
    assert "hub owner/name: HF_HUB_OFFLINE is set, and not in the hub's cache" in error
    assert "--model ./FOLDER" in error


@pytest.mark.parametrize(
    ("files", "word", "parts"),
    [
        ({}, "./nowhere", ["got './nowhere'", "nothing is there"]),
        ({"near/x": ""}, "./nowhere", ["Beside it are near"]),
        ({"m/a.txt": "", "m/b.bin": ""}, "./m", ["it holds a.txt, b.bin"]),
        ({"m/final/config.json": "{}"}, "./m", ["it holds final/", "./m/final?"]),
        ({"m/model.py": ""}, "./m", ["--models-dir"]),
        ({"m/adapter_config.json": "{}"}, "./m", ["merge it"]),
        ({"m/x.gguf": ""}, "./m", ["--model ./m/x.gguf"]),
        ({"weights.safetensors": ""}, "./weights.safetensors", ["give the folder itself"]),
        ({"bad.gguf": "GGUF" + "x" * 40}, "./bad.gguf", ["its header cannot be read: version"]),
        ({"bad.gguf": "zip"}, "./bad.gguf", ["no GGUF file"]),
    ],
)
def test_a_place_that_holds_no_model_is_refused_with_what_is_there(
    here: Path, files: dict[str, str], word: str, parts: list[str]
) -> None:
    for name, text in files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text)
    error = refusal(word)
    assert [part for part in parts if part not in error] == [], error


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        ({}, ["model_type", "expected the name of an architecture"]),
        ({"model_type": "llama", "architectures": ["LlamaForRegression"]}, ["'LlamaForRegression'", "…ForCausalLM"]),
        ({"model_type": "mine", "auto_map": {"AutoModel": "m.M"}}, ["'mine', which brings its own code", "never run"]),
        ({"model_type": "no_such_kind"}, ["no_such_kind", "installed transformers"]),
    ],
)
def test_an_architecture_that_cannot_be_run_is_refused(here: Path, config: dict[str, object], parts: list[str]) -> None:
    place(here / "m", {**config, "x": 1})
    with pytest.raises(UsageError) as caught:
        load_model(resolve_models(["./m"], {})["./m"])
    assert [part for part in parts if part not in str(caught.value)] == [], caught.value


def test_code_is_not_needed_where_transformers_has_the_architecture(here: Path) -> None:
    place(here / "m", {**LLAMA, "auto_map": {"AutoModel": "modeling.Llama"}})
    assert load_model(resolve_models(["./m"], {})["./m"]).abilities == ("generate", "score")


def test_a_word_that_is_neither_a_name_nor_a_place_is_told_what_places_are() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown model 'smolm'.*Or a folder with config\.json"):
        resolve_models(["smolm"], find_models())
    assert place_of("smolm") is None


def test_no_benchmarks_are_taken_from_a_place(here: Path) -> None:
    own = place(here / "m") / "benchmarks" / "performance" / "benchmark_evil.py"
    own.parent.mkdir(parents=True)
    own.write_text("raise SystemExit('run')")
    assert "evil" not in find_benchmarks(resolve_models(["./m"], {})["./m"])
