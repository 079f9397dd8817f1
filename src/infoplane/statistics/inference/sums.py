"""Correlations of many resamples at once, from sums of products.

The sums of one run are of deviations from the run's own means, so that those of several runs add up to the sums that
the correlation with the run as a factor is made of.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from infoplane.statistics.inference.resampling import Floats, Resamples, resamples

# Relative to the sum of squares over all seeds: what rounding leaves of equal values.
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of products within runs, of x, y and z (in this order) and of the ranks of x and y.

    The leading axis of `drawn` and `drawn_ranks` is the resample, of `left_out` and `left_out_ranks` the seed that
    is left out. `permuted` (resamples, 3, 2) has the products of each variable with permuted y and z,
    `permuted_ranks` (resamples,) those of the ranks of x with the permuted ranks of y.
    """

    all: Floats
    drawn: Floats
    left_out: Floats
    permuted: Floats
    all_ranks: Floats
    drawn_ranks: Floats
    left_out_ranks: Floats
    permuted_ranks: Floats

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(Sums)))


def within_run_sums(values: Floats, chosen: NDArray[np.bool_], drawn: Resamples) -> Sums:
    """The sums of one run; `values` (n, 3) has x, y and z of the chosen seeds, of all that `drawn` resamples."""
    centred = values - values.mean(axis=0)
    ranks = np.column_stack([scipy.stats.rankdata(values[:, column]) for column in (0, 1)]) - (len(values) + 1) / 2
    weights, jackknife = drawn.counts[:, chosen], drawn.left_out[:, chosen]
    order = drawn.permutations(chosen)
    x, y = (_ranked(values[:, column].tobytes(), chosen.tobytes(), drawn.key) for column in (0, 1))
    return Sums(
        all=centred.T @ centred,
        drawn=_products(centred, weights),
        left_out=_products(centred, jackknife),
        permuted=np.stack([centred[order, column] @ centred for column in (1, 2)], axis=2),
        all_ranks=ranks.T @ ranks,
        drawn_ranks=_rank_products(x.drawn, y.drawn, weights),
        left_out_ranks=_rank_products(x.left_out, y.left_out, jackknife),
        permuted_ranks=ranks[order, 1] @ ranks[:, 0],
    )


@dataclass(frozen=True, slots=True)
class _Ranked:
    """The ranks of one variable less their weighted mean, (resamples, m), within each resample and left-out seed."""

    drawn: Floats
    left_out: Floats


@lru_cache(maxsize=64)
def _ranked(values: bytes, chosen: bytes, key: tuple[int, int, int]) -> _Ranked:
    """Kept, since x meets several y, and these the x of all layers."""
    mask, drawn = np.frombuffer(chosen, dtype=np.bool_), resamples(*key)
    group = np.unique(np.frombuffer(values), return_inverse=True)[1]
    return _Ranked(_weighted_ranks(group, drawn.counts[:, mask]), _weighted_ranks(group, drawn.left_out[:, mask]))


def _weighted_ranks(group: NDArray[np.intp], weights: Floats) -> Floats:
    """Of values of which `group` gives the number in their order; equal values share the mean of their ranks."""
    size = weights @ (group[:, None] == np.arange(group.max() + 1)).astype(np.float64)
    # Of `size` equal values above `below` others the mean rank is below + (size + 1) / 2.
    ranks = (np.cumsum(size, axis=1) - size / 2)[:, group] - weights.sum(axis=1)[:, None] / 2
    return np.asarray(ranks)


def _products(values: Floats, weights: Floats) -> Floats:
    """Weighted sums of products of deviations from the weighted means, (resamples, k, k)."""
    n, k = values.shape
    squares = weights @ (values[:, :, None] * values[:, None, :]).reshape(n, k * k)
    sums = weights @ values
    total = np.maximum(weights.sum(axis=1), 1)[:, None, None]
    return np.asarray(squares.reshape(-1, k, k) - sums[:, :, None] * sums[:, None, :] / total)


def _rank_products(x: Floats, y: Floats, weights: Floats) -> Floats:
    """The same of the ranks of x and y, which have the mean 0."""
    result, ranks = np.empty((len(weights), 2, 2)), (x, y)
    for i, j in ((0, 0), (0, 1), (1, 1)):
        result[:, i, j] = result[:, j, i] = np.einsum("ri,ri,ri->r", weights, ranks[i], ranks[j])
    return result


def correlations(sums: Floats, scale: Floats) -> Floats:
    """Correlation of the first two variables, NaN where one does not vary; `scale` are the sums of all seeds."""
    return _ratio(sums[..., 0, 1], sums[..., 0, 0], sums[..., 1, 1], scale)


def partial_correlations(sums: Floats, scale: Floats) -> Floats:
    """Correlation of x and y given z: of their residuals after a straight line in z."""
    x, y, z = 0, 1, 2
    with np.errstate(divide="ignore", invalid="ignore"):
        varies = sums[..., z, z] > _NOTHING * scale[z, z]
        xx, yy, xy = (
            sums[..., i, j] - np.where(varies, sums[..., i, z] * sums[..., j, z] / sums[..., z, z], np.nan)
            for i, j in ((x, x), (y, y), (x, y))
        )
    return _ratio(xy, xx, yy, scale)


def permuted_correlations(sums: Sums) -> Floats:
    """Pearson's r with y permuted over the seeds of each run."""
    return np.asarray(sums.permuted[:, 0, 0] / np.sqrt(sums.all[0, 0] * sums.all[1, 1]))


def permuted_rank_correlations(sums: Sums) -> Floats:
    """Spearman's rho with y permuted over the seeds of each run."""
    return np.asarray(sums.permuted_ranks / np.sqrt(sums.all_ranks[0, 0] * sums.all_ranks[1, 1]))


def permuted_partial_correlations(sums: Sums) -> Floats:
    """The partial correlation with the residuals of y after z permuted over the seeds of each run.

    Source: Freedman & Lane, "A nonstochastic interpretation of reported significance levels", 1983.
    """
    zz = sums.all[2, 2]
    of_x = np.array([1.0, 0.0, -sums.all[0, 2] / zz])
    of_y = np.array([0.0, 1.0, -sums.all[1, 2] / zz])
    permuted = sums.permuted @ of_y[1:]
    remaining = of_y @ sums.all @ of_y - permuted[:, 2] ** 2 / zz
    return _ratio(permuted @ of_x, of_x @ sums.all @ of_x, remaining, sums.all)


def _ratio(xy: Floats, xx: Floats, yy: Floats, scale: Floats) -> Floats:
    varies = (xx > _NOTHING * scale[0, 0]) & (yy > _NOTHING * scale[1, 1])
    product = np.where(varies, np.maximum(xx, 0) * np.maximum(yy, 0), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.clip(xy / np.sqrt(product), -1, 1))
