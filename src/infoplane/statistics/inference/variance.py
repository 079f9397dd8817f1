"""Variance between and within groups, and variation over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from infoplane.statistics.frames import RESOLUTION
from infoplane.statistics.inference.resampling import Floats


@dataclass(frozen=True, slots=True)
class Components:
    """Variance between and within groups, with intervals; `share` is that of the variance between."""

    between: float
    between_lower: float
    between_upper: float
    within: float
    within_lower: float
    within_upper: float
    share: float
    share_lower: float
    share_upper: float


def components(groups: Sequence[Floats], *, confidence: float = 0.95) -> Components:
    """Variance components of a one-way layout with random groups, from the analysis of variance.

    At least two groups and one group with two values that differ. The interval within is exact, that of the share
    exact for groups of equal size, that between the modified large-sample interval; all take values as normal and
    groups as equally variable. A negative estimate is 0.
    Source: Burdick & Graybill, "Confidence Intervals on Variance Components", 1992, chapters 3 and 4.
    """
    sizes = np.array([len(group) for group in groups])
    k, n = len(groups), int(sizes.sum())
    means = np.array([group.mean() for group in groups])
    between_freedom, within_freedom = k - 1, n - k
    grand = float((sizes * means).sum() / n)
    between_square = float((sizes * (means - grand) ** 2).sum()) / between_freedom
    within_square = float(sum(((group - group.mean()) ** 2).sum() for group in groups)) / within_freedom
    size = (n - float((sizes**2).sum()) / n) / between_freedom
    tail = (1 - confidence) / 2

    below, above = (scipy.stats.chi2.ppf(p, within_freedom) / within_freedom for p in (tail, 1 - tail))
    below_b, above_b = (scipy.stats.chi2.ppf(p, between_freedom) / between_freedom for p in (tail, 1 - tail))
    ratio_low, ratio_high = (scipy.stats.f.ppf(p, between_freedom, within_freedom) for p in (tail, 1 - tail))

    g1, h2 = 1 - 1 / above_b, 1 / below - 1
    g12 = ((ratio_high - 1) ** 2 - (g1 * ratio_high) ** 2 - h2**2) / ratio_high
    h1, g2 = 1 / below_b - 1, 1 - 1 / above
    h12 = ((1 - ratio_low) ** 2 - (h1 * ratio_low) ** 2 - g2**2) / ratio_low
    b, w = between_square, within_square
    down = np.sqrt(max((g1 * b) ** 2 + (h2 * w) ** 2 + g12 * b * w, 0.0))
    up = np.sqrt(max((h1 * b) ** 2 + (g2 * w) ** 2 + h12 * b * w, 0.0))
    f = b / w
    share = [(ratio - 1) / (ratio + size - 1) for ratio in (f, f / ratio_high, f / ratio_low)]
    limits = [max((b - w) / size, 0.0), max((b - w - down) / size, 0.0), max((b - w + up) / size, 0.0)]
    shares = [max(float(value), 0.0) for value in share]
    return Components(
        limits[0], limits[1], limits[2], w, float(w / above), float(w / below), shares[0], shares[1], shares[2]
    )


def variation(weights: Floats, values: Floats) -> Floats:
    """Standard deviation (n - 1) over |mean| of weighted values; NaN where the mean is 0."""
    total = weights.sum(axis=1)
    mean = weights @ values / total
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.maximum(weights @ values**2 / total - mean**2, 0) * total / (total - 1)
        return np.asarray(np.where(np.abs(mean) > RESOLUTION, np.sqrt(variance) / np.abs(mean), np.nan))
