"""When a bootstrap interval is given, and when it is not."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.statistics.inference.resampling import bca_interval, bca_p


@pytest.mark.parametrize(("missing", "ok"), [(0, True), (9, True), (11, False), (50, False), (800, False)])
def test_one_resample_of_a_hundred_may_be_undefined(missing, ok):
    values = np.random.default_rng(0).normal(size=1000)
    values[:missing] = np.nan
    lower, upper, status = bca_interval(0.0, values, np.linspace(-1, 1, 12), n=12, confidence=0.9)
    assert (status == "ok") == ok, status
    assert np.isfinite([lower, upper]).all() == ok
    if missing > 10:
        assert status.endswith(f"in {missing // 10} % of the resamples not at all")


@pytest.mark.parametrize("threshold", [-9.0, 9.0])
def test_a_threshold_beyond_all_resamples_has_the_smallest_p_that_they_can_show(threshold):
    """And not 0, nor one: of a thousand resamples none reaches it, on either side."""
    values = np.random.default_rng(1).normal(size=1000)
    p = bca_p(float(values.mean()), values, np.linspace(-1, 1, 50), threshold)
    assert 0 < p < 0.01
