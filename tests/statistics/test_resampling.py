"""When a bootstrap interval is given, and when it is not."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.statistics.resampling import bca_interval


@pytest.mark.parametrize(("missing", "ok"), [(0, True), (9, True), (11, False), (50, False), (800, False)])
def test_one_resample_of_a_hundred_may_be_undefined(missing, ok):
    values = np.random.default_rng(0).normal(size=1000)
    values[:missing] = np.nan
    lower, upper, status = bca_interval(0.0, values, np.linspace(-1, 1, 12), n=12, confidence=0.9)
    assert (status == "ok") == ok, status
    assert np.isfinite([lower, upper]).all() == ok
    if missing > 10:
        assert status.endswith(f"in {missing // 10} % of the resamples not at all")
