from __future__ import annotations

import json
import random
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inference_bench import testing
from inference_bench.dossier.checking import check_dossier
from inference_bench.dossier.layout import DossierError
from inference_bench.dossier.writing import write_dossier
from tests import stored_run
from tests.dossier.forging import renew_digests

MUTATIONS = 30
"""Of two runs each."""


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written, tmp_path / "copy")


def test_a_dossier_of_real_runs_is_recomputed(written):
    found = check_dossier(written)

    assert found.mismatches == ()
    assert found.matched > 500
    assert found.files == len(json.loads((written / "MANIFEST.json").read_bytes())["files"])
    assert all(count > 0 for count in found.unchecked.values())
    assert not [name for name in found.unchecked if "tokens per duration" in name or "sampling ended" in name]


def test_any_changed_byte_is_found(copy):
    chance = random.Random(7)
    files = sorted(path for path in copy.rglob("*") if path.is_file() and path.name != "MANIFEST.json")
    for path in files:
        data = bytearray(path.read_bytes())
        place = chance.randrange(len(data))
        data[place] ^= 1 << chance.randrange(8)
        good = path.read_bytes()
        path.write_bytes(data)
        with pytest.raises(DossierError, match=f"{re.escape(path.name)}' has changed: SHA-256"):
            check_dossier(copy)
        path.write_bytes(good)


def test_a_missing_and_an_added_file_are_found(copy):
    (copy / "report.html").rename(copy / "extra.html")

    with pytest.raises(DossierError, match=r"'report.html' is missing \(and 1 more file\)"):
        check_dossier(copy)


def test_the_seventh_digit_of_one_number_is_found(copy):
    path = next(copy.glob("runs/*/results.json"))
    document = json.loads(path.read_bytes())
    summary = document["results"][0]["summaries"][0]
    summary["mean"] *= 1 + 1e-7
    path.write_text(json.dumps(document))
    renew_digests(copy)

    found = [each for each in check_dossier(copy).mismatches if each.figure == "ttft prefill mean"]

    assert [(each.stored, each.recomputed) for each in found] == [
        (summary["mean"], pytest.approx(summary["mean"] / (1 + 1e-7)))
    ]
    assert "inference_speed" in found[0].place


def numbers(value, path=()):
    """Yield the path of each number of plain data."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            yield (*path, key)
        else:
            yield from numbers(item, (*path, key))


def _damage_json(path, chance):
    """Change one number of a summary or grade; return what was changed."""
    document = json.loads(path.read_bytes())
    places = [
        ("results", place, part, *rest)
        for place, entry in enumerate(document["results"])
        for part in ("summaries", "trust")
        for rest in numbers(entry[part])
        if rest != ("rules",)
    ]
    *way, last = chance.choice(places)
    parent = document
    for key in way:
        parent = parent[key]
    old = parent[last]
    parent[last] = (
        old + chance.choice((-1, 1, 10)) if isinstance(old, int) else (old or 1) * chance.choice((0.5, 1.01, 7))
    )
    path.write_text(json.dumps(document))
    return f"{path.name} {way} {last}"


def _damage_parquet(path, chance):
    """Change one measured value; return what was changed."""
    table = pq.read_table(path)
    values = table.column("value").to_numpy().copy()
    rows = (
        np.flatnonzero(table.column("stage").to_numpy() == "measured")
        if "stage" in table.column_names
        else range(len(values))
    )
    row = chance.choice(list(rows))
    values[row] = values[row] * chance.choice((2, 3, 10)) + 1
    place = table.column_names.index("value")
    table = table.set_column(place, "value", pa.array(values, table.column("value").type))
    pq.write_table(table, path)
    return f"{path.name} row {row}"


def test_random_damage_to_one_number_is_found_although_the_digests_agree(written, tmp_path):
    """Damage a figure or a raw value of each run; a forger has renewed the manifest and every page."""
    chance = random.Random(20261126)
    for number in range(MUTATIONS):
        copy = shutil.copytree(written, tmp_path / str(number))
        told = {run.name: _damage_run(run, chance) for run in copy.glob("runs/*")}
        _renew_pages(copy)
        renew_digests(copy)

        found = check_dossier(copy)

        assert all(each.place and each.figure for each in found.mismatches)
        for name, damage in told.items():
            assert any(name in each.place for each in found.mismatches), damage
        shutil.rmtree(copy)


def _damage_run(run, chance):
    """Change one number of a run; return what was changed."""
    if chance.random() < 0.5:
        return _damage_json(run / "results.json", chance)
    return _damage_parquet(chance.choice(sorted(run.glob("samples/*.parquet"))), chance)


def _renew_pages(folder):
    from inference_bench.dossier.derived import derived_files
    from inference_bench.results.run import load_run

    names = json.loads((folder / "MANIFEST.json").read_bytes())["runs"]
    for name, data in derived_files(folder, [load_run(folder / each) for each in names]).items():
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("name", ["README.md", "environment.json", "report.html", "comparison.json"])
def test_a_page_that_says_something_else_than_the_runs_is_found(name, copy):
    path = copy / name
    text = path.read_text()
    changed = re.sub(r"\d(?=\D*$)", lambda found: str((int(found.group()) + 1) % 10), text)
    assert changed != text
    path.write_text(changed)
    renew_digests(copy)

    assert [each.place.split(" ")[0] for each in check_dossier(copy).mismatches] == [name]


def test_a_case_that_was_left_out_is_found(copy):
    """Evidence that no longer belongs to a case."""
    path = next(copy.glob("runs/*/results.json"))
    document = json.loads(path.read_bytes())
    document["results"].pop()
    path.write_text(json.dumps(document))
    _renew_pages(copy)
    renew_digests(copy)

    with pytest.raises(DossierError, match="belongs to no case"):
        check_dossier(copy)


def test_a_figure_without_raw_columns_and_one_that_was_dropped_are_found(copy):
    path = next(copy.glob("runs/*/results.json"))
    document = json.loads(path.read_bytes())
    summaries = document["results"][0]["summaries"]
    summaries[0]["phase"] = "invented"
    path.write_text(json.dumps(document))
    renew_digests(copy)

    found = {each.figure: (each.stored, each.recomputed) for each in check_dossier(copy).mismatches}

    assert found["ttft invented"][1] is None and found["ttft prefill"][0] is None


def test_scores_and_figures_without_a_stopping_rule_are_recomputed(tmp_path):
    run = testing.write_run(tmp_path, testing.make_result({"ttft": [[5000 + at for at in range(40)]]}))
    write_dossier([run.folder], tmp_path / "d")

    found = check_dossier(tmp_path / "d")

    assert found.mismatches == ()
    assert [name for name in found.unchecked if "why sampling ended" in name]


def test_a_stored_run_whose_figures_were_invented_is_seen_through(tmp_path):
    """The stored run of the tests has a summary of 40 samples and a single measured one."""
    write_dossier([stored_run.FOLDER], tmp_path / "d")

    found = {each.figure: (each.stored, each.recomputed) for each in check_dossier(tmp_path / "d").mismatches}

    assert found["ttft prefill n"] == (40, 1)


def test_a_dossier_of_another_version_is_checked_by_its_figures(copy):
    path = copy / "MANIFEST.json"
    document = json.loads(path.read_bytes())
    (copy / "README.md").write_text("another form")
    renew_digests(copy)
    document["files"] = json.loads(path.read_bytes())["files"]
    document["tool"]["version"] = "0.0.1"
    path.write_text(json.dumps(document))

    found = check_dossier(copy)

    assert found.mismatches == ()
    assert [name for name in found.unchecked if "version 0.0.1" in name]
