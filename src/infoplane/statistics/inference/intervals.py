"""The mean over seeds with Student's interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy
from scipy import special

from infoplane.statistics.frames import RESOLUTION
from infoplane.statistics.inference.resampling import Floats


def mean_intervals(table: pd.DataFrame, by: Sequence[str], column: str, *, confidence: float = 0.95) -> pd.DataFrame:
    """Mean, standard deviation and t interval of `column` for each group of rows.

    Returns the columns of `by`, then n (rows whose value is not NaN), mean, sd (n - 1 in the denominator),
    lower and upper: mean ± t(n - 1) sd / sqrt(n). With one value sd, lower and upper are NaN, with none the mean
    is too; n says so. Equal values give an interval of width zero.
    """
    grouped = table.groupby(list(by), sort=False, observed=True, dropna=False)[column]
    result = grouped.agg(n="count", mean="mean", sd="std").reset_index()
    n = result["n"].to_numpy(dtype=np.float64)
    several = n > 1
    half_width = np.full(len(result), np.nan)
    quantile = special.stdtrit(n[several] - 1, 0.5 + confidence / 2)
    half_width[several] = quantile * result["sd"].to_numpy()[several] / np.sqrt(n[several])
    return result.assign(lower=result["mean"] - half_width, upper=result["mean"] + half_width)


def t_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Student's interval of the mean of two or more values; of width 0 where they are equal."""
    if np.ptp(values) <= RESOLUTION:
        return float(values.mean()), float(values.mean())
    interval = scipy.stats.ttest_1samp(values, 0).confidence_interval(confidence)
    return float(interval.low), float(interval.high)
