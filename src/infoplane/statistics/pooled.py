"""Pearson's correlation with the run as a factor, of all layers at once.

The same numbers as in the table `correlation`, but nothing else: the claims need them for hundreds of settings of the
analysis, with many permutations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infoplane.statistics.frames import RESOLUTION
from infoplane.statistics.inference.resampling import Floats, Resamples, bca_interval, permutation_p, resamples
from infoplane.statistics.inference.sums import correlations


@dataclass(frozen=True, slots=True)
class Pooled:
    """One layer's correlation; NaN where `status`, or for the interval `interval_status`, says "not estimable: ..."."""

    n: int
    n_runs: int
    r: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    p: float = np.nan
    status: str = "ok"
    interval_status: str = "ok"


@dataclass(frozen=True, slots=True)
class _Part:
    """A run's centred values of the layers that have them for the same seeds: x (seeds, layers), y (seeds,)."""

    layers: NDArray[np.int64]
    chosen: NDArray[np.bool_]
    x: Floats
    y: Floats


def pooled_correlations(
    runs: Sequence[tuple[NDArray[np.int64], Floats, Floats, Floats]],
    seeds: NDArray[np.int64],
    *,
    confidence: float = 0.95,
    number: int = 2000,
    seed: int = 0,
) -> list[Pooled]:
    """The correlation of x and y over seeds, centred within each run, for every layer.

    Each run has seeds (seeds,), x (seeds, layers), y (seeds,) and at_ceiling (seeds, layers), all runs as many
    layers. `seeds` are those that are resampled, the same in all runs. Left out are values that are NaN and, as in
    `correlation`, runs whose x is equal, or at the ceiling, for all seeds. The interval is by bootstrap (BCa), p by
    permutation of the seeds, both from `number` resamples of the random seed `seed`.
    """
    n_layers = max(x.shape[1] for _, x, _, _ in runs)
    drawn = resamples(len(seeds), number, seed)
    parts = [part for run in runs for part in _parts(*run, seeds)]
    result = []
    everyone = np.ones((1, len(seeds)))
    totals = [_sums(parts, weights, n_layers) for weights in (everyone, drawn.counts, drawn.left_out)]
    permuted = _permuted(parts, drawn, n_layers)
    for layer in range(n_layers):
        own = [part for part in parts if layer in part.layers]
        n = sum(len(part.y) for part in own)
        if n - len(own) - 1 < 1:
            reason = f"{n} seeds in {len(own)} runs" if own else "no run has compression that varies over seeds"
            result.append(_none(n, len(own), reason))
            continue
        if max(np.abs(part.y).max() for part in own) <= RESOLUTION:
            result.append(_none(n, len(own), "no run has generalisation that varies over seeds"))
            continue
        chosen = np.any([part.chosen for part in own], axis=0)
        scale = totals[0][0, layer]
        r, bootstrap, jackknife = (correlations(total[:, layer], scale) for total in totals)
        estimate = float(r[0])
        lower, upper, status = bca_interval(
            estimate, bootstrap, jackknife[chosen], n=int(chosen.sum()), confidence=confidence
        )
        p = permutation_p(estimate, permuted[:, layer] / np.sqrt(scale[0, 0] * scale[1, 1]))
        result.append(Pooled(n, len(own), estimate, lower, upper, p, interval_status=status))
    return result


def _none(n: int, n_runs: int, reason: str) -> Pooled:
    return Pooled(n, n_runs, status=f"not estimable: {reason}", interval_status=f"not estimable: {reason}")


def _parts(
    of_run: NDArray[np.int64], x: Floats, y: Floats, at_ceiling: Floats, seeds: NDArray[np.int64]
) -> list[_Part]:
    usable = np.isfinite(x) & np.isfinite(y)[:, None]
    by_seeds: dict[bytes, list[int]] = {}
    for layer in range(x.shape[1]):
        values = x[usable[:, layer], layer]
        if len(values) and np.ptp(values) > RESOLUTION and not at_ceiling[usable[:, layer], layer].all():
            by_seeds.setdefault(usable[:, layer].tobytes(), []).append(layer)
    parts = []
    for key, layers in by_seeds.items():
        kept = np.frombuffer(key, dtype=np.bool_)
        x_kept, y_kept = x[kept][:, layers], y[kept]
        chosen = np.isin(seeds, of_run[kept])
        parts.append(_Part(np.array(layers), chosen, x_kept - x_kept.mean(axis=0), y_kept - y_kept.mean()))
    return parts


def _sums(parts: Sequence[_Part], weights: Floats, n_layers: int) -> Floats:
    """Weighted sums of products of x and y, as deviations from the means within runs, (resamples, layers, 2, 2)."""
    result = np.zeros((len(weights), n_layers, 2, 2))
    for part in parts:
        own = weights[:, part.chosen]
        total = np.maximum(own.sum(axis=1), 1)[:, None]
        x, y = own @ part.x, (own @ part.y)[:, None]
        result[:, part.layers, 0, 0] += own @ part.x**2 - x * x / total
        result[:, part.layers, 1, 1] += (own @ part.y**2)[:, None] - y * y / total
        result[:, part.layers, 0, 1] += own @ (part.x * part.y[:, None]) - x * y / total
    result[:, :, 1, 0] = result[:, :, 0, 1]
    return result


def _permuted(parts: Sequence[_Part], drawn: Resamples, n_layers: int) -> Floats:
    """Sums of the products of x with permuted y, (resamples, layers)."""
    result = np.zeros((len(drawn.counts), n_layers))
    for part in parts:
        result[:, part.layers] += part.y[drawn.permutations(part.chosen)] @ part.x
    return result
