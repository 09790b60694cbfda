"""Which policy follows from threads and CPUs, and how far ahead a model may load."""

from __future__ import annotations

import pytest

from inference_bench.errors import UnknownNameError
from inference_bench.machine.available_memory import headroom_bytes
from inference_bench.machine.devices.cuda import Cuda
from inference_bench.model.discovery import find_models, load_model
from inference_bench.orchestration.loading import NOTHING
from inference_bench.orchestration.overlap_policy import Needs, Policy, Until, choose_overlap, how_far_ahead, needs_of
from inference_bench.spec import Setup
from inference_bench.units import GIB
from tests.conftest import write_model


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    write_model(folder, "first")
    return folder


@pytest.mark.parametrize(
    ("requested", "threads", "cpus", "policy"),
    [
        ("auto", 1, [0, 1], Policy.PARTITION),
        ("auto", 2, [0, 1], Policy.FREEZE),
        ("auto", 1, [3], Policy.FREEZE),
        ("partition", 2, [0, 1], Policy.PARTITION),
        ("partition", 1, [0], Policy.OFF),
        ("freeze", 1, [0, 1, 2, 3], Policy.FREEZE),
        ("off", 1, [0, 1], Policy.OFF),
    ],
)
def test_the_policy_follows_from_threads_and_cpus(requested, threads, cpus, policy):
    chosen = choose_overlap(requested, [Setup(threads=threads)], cpus)

    assert chosen.policy is policy
    assert chosen.reason
    if policy is Policy.PARTITION:
        assert chosen.measure_cpus | chosen.load_cpus == set(cpus)
        assert not chosen.measure_cpus & chosen.load_cpus


def test_a_policy_that_does_not_exist_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'freeze'"):
        choose_overlap("freze", [Setup()], [0, 1])


def test_a_model_that_would_not_fit_beside_another_waits_for_its_turn(models):
    model = load_model(find_models([models])["first"])
    has = headroom_bytes()
    assert has is not None
    assert how_far_ahead(model, Setup(), "full", "auto", lambda _: NOTHING) == (Until.DEVICE, "")

    class Huge(model):
        parameters = has

    assert needs_of(Huge, Setup(), "full").host_bytes > has
    until, reason = how_far_ahead(Huge, Setup(), "full", "auto", lambda _: NOTHING)
    assert until is Until.NOTHING
    assert "not loaded ahead: it may need" in reason
    assert how_far_ahead(Huge, Setup(), "reduced", "auto", lambda _: NOTHING)[0] is Until.DEVICE


def test_what_loaders_on_their_way_will_take_is_not_free(models):
    model = load_model(find_models([models])["first"])
    until, reason = how_far_ahead(model, Setup(), "full", "auto", lambda _: Needs(host_bytes=1 << 50))

    assert until is Until.NOTHING
    assert "promised" in reason


@pytest.mark.parametrize(
    ("park", "free", "promised", "parks", "until", "words"),
    [
        ("auto", 80 * GIB, 0, True, Until.HOST, ""),
        ("host", 80 * GIB, 0, True, Until.HOST, ""),
        ("device", 80 * GIB, 0, True, Until.DEVICE, ""),
        ("device", None, 0, True, Until.DEVICE, ""),
        ("device", 4 * GIB, 0, True, Until.HOST, "waits on the host: it may need 10.7 GiB on cuda, 4.00 GiB are free"),
        ("device", 80 * GIB, 75 * GIB, True, Until.HOST, "75.0 GiB of them promised"),
        ("device", 4 * GIB, 0, False, Until.NOTHING, "it cannot wait on the host"),
        ("auto", 80 * GIB, 0, False, Until.NOTHING, "the device is being measured, and it cannot wait on the host"),
    ],
)
def test_how_far_a_model_loads_ahead_on_a_gpu(monkeypatch, models, park, free, promised, parks, until, words):
    monkeypatch.setattr(Cuda, "free_bytes", lambda self, index: free)  # the driver's answer, which this machine lacks
    model = load_model(find_models([models])["first"])
    sized = type("Sized", (model,), {"parameters": 2 * GIB, "parks": parks})

    found, reason = how_far_ahead(sized, Setup(device="cuda"), "full", park, lambda _: Needs(device_bytes=promised))

    assert found is until
    assert (words in reason) if words else reason == ""
