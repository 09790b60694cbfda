from __future__ import annotations

import pytest

from inference_bench.analysis.holm import holm


def test_holms_steps():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
