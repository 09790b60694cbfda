"""The files of the page on models of one's own are models without flaws, and ONNX's is measured where it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inference_bench.result import Status
from inference_bench.scaffold.verification import verify_models
from tests.factories import run, spec
from tests.pages import ROOT, blocks

PAGE = ROOT / "docs" / "own-model.md"
FILES = {block.title: block.text for block in blocks(PAGE) if block.title}


def write(folder: Path) -> Path:
    for title, text in FILES.items():
        path = folder / title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "my_models"


def test_the_models_of_the_page_have_no_flaws(tmp_path: Path) -> None:
    models = write(tmp_path)

    names = sorted(Path(title).parent.name for title in FILES)
    verified = verify_models([models], names)

    assert [(of.model, of.findings) for of in verified] == [(name, ()) for name in names]
    assert len(names) == 4


def test_an_onnx_session_is_measured(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    onnx: Any = pytest.importorskip("onnx", reason="onnx is not installed")
    models = write(tmp_path)
    (models / "onnx_session" / "model.onnx").write_bytes(relu(onnx).SerializeToString())

    request = spec("onnx_session", benchmarks=("inference_speed", "batch_processing"), batch_size=(4,))
    done = run(request, tmp_path / "results", models)

    assert {result.status for result in done.run.results} == {Status.OK}
    batches = [result for result in done.run.results if result.case.benchmark == "batch_processing"]
    summaries = {summary.metric: summary for result in batches for summary in result.summaries}
    error = summaries["output_error"]
    assert (error.n, error.headline.value) == (4, 0.0)


def relu(onnx: Any) -> Any:
    """A network of one layer with a free first dimension."""
    of = onnx.helper
    place = [of.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 8]) for name in ("x", "y")]
    graph = of.make_graph([of.make_node("Relu", ["x"], ["y"])], "relu", place[:1], place[1:])
    return of.make_model(graph, opset_imports=[of.make_opsetid("", 13)], ir_version=8)
