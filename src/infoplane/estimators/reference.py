"""Slow twins of the estimators: float64, a few lines each, made to be read and to test the fast ones.

Same arguments and values as the estimators of the same name, for one (samples, units) array at a time, and
without checks. I(T;X) and I(T;Y) are in bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.estimators.interface import Information


def fixed_binning(
    activity: ArrayLike,
    labels: ArrayLike,
    *,
    bins: int = 30,
    value_range: Sequence[float] = (-1.0, 1.0),
    input_ids: ArrayLike | None = None,
    correction: str = "none",
) -> Information:
    """Each of `bins` edges begins a state; values below the first edge belong to the first state."""
    edges = np.linspace(value_range[0], value_range[1], bins)
    states = np.clip(np.digitize(np.asarray(activity), edges) - 1, 0, bins - 1)
    return _information(states, labels, input_ids, correction)


def ebab(
    activity: ArrayLike,
    labels: ArrayLike,
    *,
    bins: int = 30,
    lower_bound: float | None = None,
    input_ids: ArrayLike | None = None,
    correction: str = "none",
) -> Information:
    """Edges at every n / bins-th of the n distinct values, and the largest one, as a state of its own."""
    values = np.asarray(activity)
    distinct = np.unique(values)
    if lower_bound is not None:
        distinct = distinct[distinct != distinct.dtype.type(lower_bound)]
    n = len(distinct)
    edges = [distinct[int(k * (n / bins))] for k in range(bins)] + [distinct[-1]] if n else []
    states = np.digitize(values, edges) if n else np.zeros(values.shape, dtype=int)
    if lower_bound is not None:
        states[values == values.dtype.type(lower_bound)] = -1
    return _information(states, labels, input_ids, correction)


def kde(
    activity: ArrayLike,
    labels: ArrayLike,
    *,
    noise_variance: float = 1e-3,
    bound: str = "upper",
    input_ids: ArrayLike | None = None,
) -> Information:
    """Pairwise bounds on the entropy of a mixture of Gaussians (Kolchinsky & Tracey 2017)."""
    t, y = np.asarray(activity, dtype=np.float64), np.asarray(labels)
    scale = 2 * noise_variance if bound == "upper" else 8 * noise_variance

    def entropy_without_noise(points: NDArray[np.float64]) -> float:
        """H less the entropy of the noise, which is the same for all mixtures and cancels."""
        rows = [np.exp(-((points - point) ** 2).sum(axis=1) / scale).mean() for point in points]
        return float(-np.log2(rows).mean())

    h_t = entropy_without_noise(t)
    h_t_given_y = sum((y == label).mean() * entropy_without_noise(t[y == label]) for label in np.unique(y))
    return Information(np.float64(h_t), np.float64(h_t - h_t_given_y))  # type: ignore[arg-type]


def adaptive_kde(
    activity: ArrayLike,
    labels: ArrayLike,
    *,
    noise_scale: float | None = None,
    scaling: str = "variance",
    bound: str = "upper",
    input_ids: ArrayLike | None = None,
) -> Information:
    """The same with noise proportional to the largest absolute activity, in variance or standard deviation."""
    largest = float(np.abs(np.asarray(activity, dtype=np.float64)).max())
    if largest == 0:
        return Information(np.float64(0.0), np.float64(0.0))  # type: ignore[arg-type]
    if scaling == "variance":
        variance = (1e-3 if noise_scale is None else noise_scale) * largest
    else:
        variance = ((0.03 if noise_scale is None else noise_scale) * largest) ** 2
    return kde(activity, labels, noise_variance=variance, bound=bound)


def _information(
    states: NDArray[np.int64], labels: ArrayLike, input_ids: ArrayLike | None, correction: str
) -> Information:
    """I(T;Z) = H(T) - sum_z p(z) H(T | z) for Z the input and Z the label."""
    given_y = np.asarray(labels)
    given_x = np.arange(len(states)) if input_ids is None else np.asarray(input_ids)
    h_t = _entropy(states, correction)
    i_tx, i_ty = (
        h_t - sum((given == z).mean() * _entropy(states[given == z], correction) for z in np.unique(given))
        for given in (given_x, given_y)
    )
    return Information(np.float64(i_tx), np.float64(i_ty))  # type: ignore[arg-type]


def _entropy(states: NDArray[np.int64], correction: str) -> float:
    counts = np.unique(states, axis=0, return_counts=True)[1]
    p = counts / counts.sum()
    plug_in = float(-(p * np.log2(p)).sum())
    return plug_in + (len(counts) - 1) / (2 * counts.sum() * np.log(2)) if correction == "miller_madow" else plug_in
