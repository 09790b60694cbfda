from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.columns import TABLES
from inference_bench.errors import InvalidValueError
from inference_bench.plan import Case
from inference_bench.results.run_folder import create_run_folder, table_file
from inference_bench.results.serialization import plain
from inference_bench.spec import Setup

NOON = datetime(2026, 11, 23, 20, 15, 30, tzinfo=UTC)


def test_name_is_utc_time_and_id(tmp_path):
    local = NOON.astimezone(timezone(timedelta(hours=5)))

    folder = create_run_folder(tmp_path / "new" / "root", now=local)

    stamp, _, identity = folder.name.partition("-")
    assert stamp == "20261123T201530Z"
    assert len(identity) == 6
    assert int(identity, 16) >= 0


def test_runs_of_the_same_second_do_not_collide(tmp_path, monkeypatch):
    tokens = iter(["aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(tokens))

    names = [create_run_folder(tmp_path, now=NOON).name for _ in range(2)]

    assert names == ["20261123T201530Z-aaaaaa", "20261123T201530Z-bbbbbb"]


@pytest.mark.parametrize("blocked", ["file", "file/below", "/proc/nowhere"])
def test_refuses_a_folder_that_cannot_be_written(tmp_path, blocked):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(
        InvalidValueError, match=r"output folder: got .*expected a folder that can be written.*--output"
    ):
        create_run_folder(tmp_path / blocked)


@given(st.text(min_size=1, max_size=400), st.dictionaries(st.text(max_size=300), st.text(max_size=300), max_size=3))
def test_any_name_makes_a_file_name(model, parameters):
    case = Case(plain(model), "inference_speed", Setup(), {plain(k): plain(v) for k, v in parameters.items()})

    for path in (table_file(name, case) for name in TABLES):
        name = path.split("/", 1)[1]
        assert name.isascii()
        assert name.endswith(f"{case.id}.parquet")
        assert len(name) < 150
        assert "/" not in name
        assert not name.startswith(".")
