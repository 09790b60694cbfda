"""A dossier holds verdicts on objectives; they are recomputed from the requests."""

from __future__ import annotations

import json

from inference_bench.dossier.checking import check_dossier
from inference_bench.dossier.writing import write_dossier
from tests.dossier.forging import renew_digests
from tests.loads import load_run_of


def test_a_forged_verdict_is_found(tmp_path):
    run = load_run_of(tmp_path / "runs", rates=(10,), slos=["e2e.p90<=100ms"])
    folder = tmp_path / "dossier"
    write_dossier([run.folder], folder)
    assert not [each for each in check_dossier(folder).mismatches if each.figure.startswith("slo")]

    path = next(folder.glob("runs/*/results.json"))
    document = json.loads(path.read_bytes())
    document["results"][0]["slo"]["verdicts"][0]["good"] += 1
    path.write_text(json.dumps(document))
    renew_digests(folder)
    (found,) = [each for each in check_dossier(folder).mismatches if each.figure.startswith("slo")]
    assert found.figure == "slo verdicts[0].good"
    assert found.stored == found.recomputed + 1
