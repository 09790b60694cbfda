"""Encoder-decoders: the steps give the tokens of ``generate``, alone and in padded batches."""

from __future__ import annotations

import pytest

from inference_bench.errors import InvalidValueError
from tests.tiny_models import loaded

ARCHITECTURES = ["T5ForConditionalGeneration", "BartForConditionalGeneration", "MarianMTModel"]


def steps(generator, prompt, count=8):
    return [generator.prefill(prompt), *(generator.decode() for _ in range(count - 1))]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_steps_are_those_of_generate(architecture):
    generator = loaded(architecture).generator()
    prompt = generator.prompt(12)

    assert steps(generator, prompt) == list(generator.generate(prompt, 8))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("lengths", [[12, 7, 5], [9, 9]], ids=str)
def test_each_row_of_a_batch_is_as_alone(architecture, lengths):
    model = loaded(architecture)
    batch, alone = model.batch_generator(), model.generator()

    rows = list(zip(*steps(batch, batch.prompts(lengths)), strict=True))

    assert [list(row) for row in rows] == [steps(alone, alone.prompt(length)) for length in lengths]


def test_the_encoder_is_run_once():
    model = loaded("T5ForConditionalGeneration")
    runs = []
    model.network.get_encoder().register_forward_hook(lambda *_: runs.append(1))
    generator = model.generator()

    steps(generator, generator.prompt(12))

    assert len(runs) == 1


def test_what_cannot_be_asked_for_is_refused():
    generator = loaded("T5ForConditionalGeneration").generator()

    with pytest.raises(InvalidValueError, match="input length: got 65, expected 3 to 64"):
        generator.prompt(65)
    with pytest.raises(RuntimeError, match="before the prefill"):
        generator.decode()
