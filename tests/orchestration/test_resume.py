"""A run is resumed where it stopped; what was written before stays as it was."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import orjson
import pytest

from inference_bench.cli._main import main
from inference_bench.errors import InvalidValueError, RunFormatError
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import resume_run, run_benchmarks
from inference_bench.result import Status
from inference_bench.results.run import load_run
from inference_bench.results.run_folder import locked
from inference_bench.spec import Limits, Spec
from inference_bench.units import NS_PER_S

LIMITS = Limits(min_samples=30, budget_ns=NS_PER_S // 5, relative_width=0.5, silence_ns=60 * NS_PER_S)


class _StopAfterFirst(Progress):
    def case_started(self, case, run):
        os.kill(os.getpid(), signal.SIGINT)


def interrupted(output, models, *names, runs=1):
    request = Spec(
        names,
        ("inference_speed",),
        axes={"input_length": (8, 16), "new_tokens": (4,)},
        limits=LIMITS,
        runs=runs,
    )
    return asyncio.run(
        run_benchmarks(request, output=output, models_dirs=[models], progress=_StopAfterFirst(), handle_signals=True)
    )


def test_a_resumed_run_measures_what_is_missing_and_nothing_else(tmp_path, bad_models):
    before = interrupted(tmp_path, bad_models, "good", "slow")
    assert len(before.run.results) == 1
    kept = before.folder / before.run.files[before.run.results[0].case.id]["samples"]
    written = kept.stat().st_mtime_ns, kept.stat().st_ino

    after = asyncio.run(resume_run(before.folder, models_dirs=[bad_models]))

    assert after.folder == before.folder
    assert after.run.record.finished
    assert [result.status for result in after.run.results] == [Status.OK] * 4
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == written
    assert after.run.results[0].summaries == before.run.results[0].summaries
    assert after.run.record.created_utc == before.run.record.created_utc


def test_a_case_without_all_its_runs_is_not_done(tmp_path, bad_models):
    before = interrupted(tmp_path, bad_models, "good", runs=2)
    after = asyncio.run(resume_run(before.folder, models_dirs=[bad_models]))

    assert [len(result.workers) for result in after.run.results] == [2, 2]


def test_what_failed_is_tried_again_only_if_asked(tmp_path, bad_models):
    request = Spec(("raises_in_load", "good"), ("inference_speed",), axes={"input_length": (8,)}, limits=LIMITS)
    folder = asyncio.run(run_benchmarks(request, output=tmp_path, models_dirs=[bad_models])).folder

    class Started(Progress):
        def __init__(self):
            self.models = []

        def case_started(self, case, run):
            self.models.append(case.model)

        def case_ended(self, result, run):
            self.models.append(result.status)

    for retry, seen in ((False, []), (True, [Status.FAILED])):
        progress = Started()
        asyncio.run(resume_run(folder, models_dirs=[bad_models], retry_failed=retry, progress=progress))
        assert progress.models == seen


def test_another_environment_is_refused_unless_forced(tmp_path, bad_models):
    before = interrupted(tmp_path, bad_models, "good")
    path = before.folder / "run.json"
    record = orjson.loads(path.read_bytes())
    record["environment"]["packages"]["torch"] = "1.0"
    path.write_bytes(orjson.dumps(record))

    with pytest.raises(InvalidValueError, match=r"torch: 1\.0 before"):
        asyncio.run(resume_run(before.folder, models_dirs=[bad_models]))
    assert load_run(before.folder).record.finished is False
    assert asyncio.run(resume_run(before.folder, models_dirs=[bad_models], force=True)).run.record.finished


def test_a_folder_that_another_process_writes_is_refused(tmp_path, bad_models):
    before = interrupted(tmp_path, bad_models, "good")
    with locked(before.folder), pytest.raises(InvalidValueError, match="no other process"):
        asyncio.run(resume_run(before.folder, models_dirs=[bad_models]))


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunFormatError, match="not a run"):
        asyncio.run(resume_run(tmp_path))


def test_the_command_line_resumes_and_refuses_other_settings(tmp_path, bad_models, capsys):
    folder = str(interrupted(tmp_path, bad_models, "good").folder)
    models = ["--models-dir", str(bad_models)]

    assert main(["run", "--resume", folder, *models, "--runs", "3", "--dtype", "bfloat16"]) == 2
    assert "--dtype --runs" in capsys.readouterr().err
    assert main(["run", "--resume", folder, *models, "--quiet"]) == 0
    assert "Inference speed" in capsys.readouterr().out


def test_a_spec_survives_its_file(tmp_path, bad_models):
    from inference_bench.results.serialization import plain, spec_from_plain

    request = replace(
        Spec(("a", "b"), suite="full", axes={"input_length": (8, 16), "view": ("steps",)}), limits=LIMITS, runs=3
    )
    assert spec_from_plain(orjson.loads(orjson.dumps(plain(request))), "run.json") == request
