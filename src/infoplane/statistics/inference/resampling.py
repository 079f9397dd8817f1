"""Resampling of seeds: bootstrap weights, permutations, and the BCa interval.

The seed is what is drawn. Seeds with the same number start from the same random draws in every run, so one resample
takes the same seeds, and one permutation the same exchange of seeds, in all runs: whatever they share stays shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

# An interval from fewer seeds would rest on a handful of distinct resamples.
FEWEST_FOR_INTERVAL = 5
# Of few seeds there are not many more that differ, and a p value as small as one would like takes too many.
MOST_RESAMPLES = 100_000
# Of the resamples; more without a value, such as those whose seeds are all equal, and there is no interval.
LARGEST_SHARE_UNDEFINED = 0.01


@dataclass(frozen=True, slots=True)
class Resamples:
    """Resamples of n seeds.

    `counts` (resamples, n) says how often each seed is drawn, `keys` (resamples, n) are independent uniform numbers
    whose order is a permutation of any subset of the seeds, and `left_out` (n, n) is the jackknife: row i counts
    every seed once but seed i.
    """

    counts: Floats
    keys: Floats
    left_out: Floats
    seed: int

    @property
    def key(self) -> tuple[int, int, int]:
        """The arguments of `resamples` that give these."""
        return self.counts.shape[1], len(self.counts), self.seed

    def permutations(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Permutations (resamples, m) of the m chosen seeds."""
        return _permutations(self.key, chosen.tobytes())


@lru_cache(maxsize=8)
def resamples(n: int, number: int, seed: int) -> Resamples:
    """The same `number` resamples of n seeds for the same `seed`."""
    random = np.random.default_rng([seed, n, number])
    drawn = random.integers(0, n, (number, n)) + np.arange(number)[:, None] * n
    counts = np.bincount(drawn.ravel(), minlength=number * n).reshape(number, n).astype(np.float64)
    return Resamples(counts, random.random((number, n)), np.ones((n, n)) - np.eye(n), seed)


@lru_cache(maxsize=4)
def _permutations(key: tuple[int, int, int], chosen: bytes) -> NDArray[np.int64]:
    """Kept, since most runs and layers have the same seeds, and sorting takes longer than most that is done with it."""
    mask = np.frombuffer(chosen, dtype=np.bool_)
    return np.argsort(resamples(*key).keys[:, mask], axis=1).astype(np.int64)


def permutation_p(observed: float, permuted: Floats) -> float:
    """Two-sided p value: the share of |permuted| that reaches |observed|, which counts as one of them.

    Source: Phipson & Smyth, "Permutation p-values should never be zero", 2010.
    """
    # Equal arrangements may differ by rounding errors.
    reached = int(np.count_nonzero(np.abs(permuted) >= abs(observed) - 1e-12))
    return (1 + reached) / (1 + len(permuted))


def bca_interval(
    estimate: float, bootstrap: Floats, jackknife: Floats, *, n: int, confidence: float
) -> tuple[float, float, str]:
    """The bias-corrected and accelerated interval at the level `expanded`, and "ok" or why there is none.

    `bootstrap` are the values of the statistic for the resamples, `jackknife` those with one of the n seeds left
    out; NaN where the statistic is undefined, which `LARGEST_SHARE_UNDEFINED` of the resamples may be.
    Source: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 14.
    """
    none = (np.nan, np.nan)
    if n < FEWEST_FOR_INTERVAL:
        return *none, f"not estimable: {n} seeds, {FEWEST_FOR_INTERVAL} are needed for a bootstrap interval"
    values = bootstrap[np.isfinite(bootstrap)]
    undefined = 1 - len(values) / len(bootstrap)
    if undefined > LARGEST_SHARE_UNDEFINED or not np.isfinite(jackknife).all():
        share = f"in {100 * undefined:.0f} % of the resamples" if undefined else "without one of the seeds"
        return *none, f"not estimable: the values hardly vary, {share} not at all"
    if np.ptp(values) <= 1e-12:
        return estimate, estimate, "ok"
    below = _share_below(values, estimate)
    if not 0 < below < 1:
        return *none, "not estimable: the estimate lies outside of all resamples"
    bias, acceleration = special.ndtri(below), _acceleration(jackknife)
    level = expanded(confidence, n)
    z = bias + special.ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    lower, upper = np.quantile(values, special.ndtr(bias + z / (1 - acceleration * z)))
    return float(lower), float(upper), "ok"


def _share_below(values: Floats, at: float) -> float:
    """The share of values below `at`, of those equal to it half: of few seeds many resamples are all of them once."""
    # Equal values may differ by rounding errors.
    room = 1e-9 * np.ptp(values)
    return float(np.count_nonzero(values < at - room) + np.count_nonzero(values <= at + room)) / (2 * len(values))


def expanded(confidence: float, n: int) -> float:
    """The level of a bootstrap interval from n seeds that covers about as often as `confidence` says.

    A bootstrap takes the spread of few values for that of all, which is too small by sqrt(1 - 1 / n), and knows its own
    spread no better than Student's t does. For 10 seeds 95 % becomes 98.3 %.
    Source: Hesterberg, "What teachers should know about the bootstrap", The American Statistician 2015.
    """
    return float(1 - 2 * special.ndtr(np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 - confidence) / 2)))


def bca_p(estimate: float, bootstrap: Floats, jackknife: Floats, threshold: float) -> float:
    """Two-sided p value against a threshold: the level at which the BCa interval just reaches it.

    For arguments that have such an interval. At least that of one of the resamples, `smallest_p`, which a threshold
    beyond all resamples has.
    """
    n = len(jackknife)
    values = bootstrap[np.isfinite(bootstrap)]
    if np.ptp(values) <= 1e-12:
        return float(abs(estimate - threshold) <= 1e-12)
    least = 1 / (len(values) + 1)
    if not values.min() <= threshold <= values.max():
        return smallest_p(len(values), n)

    def level(at: float) -> float:
        return float(special.ndtri(np.clip(_share_below(values, at), least, 1 - least)))

    bias, acceleration = level(estimate), _acceleration(jackknife)
    distance = level(threshold) - bias
    # Beyond the pole of the transformation every level has been passed.
    scale = 1 + acceleration * distance
    tail = float(special.ndtr(distance / scale - bias)) if scale > 0 else 0.0
    return _of_expanded(float(np.clip(min(tail, 1 - tail), least, 0.5)), n)


def smallest_p(number: int, n: int) -> float:
    """The smallest that `bca_p` can be with so many resamples of n seeds."""
    return _of_expanded(1 / (number + 1), n)


def _of_expanded(tail: float, n: int) -> float:
    """The p value whose expanded level leaves out `tail` on either side."""
    return float(2 * special.stdtr(n - 1, special.ndtri(tail) / np.sqrt(n / (n - 1))))


def resamples_for(p: float, n: int) -> int:
    """The number of resamples of n seeds whose smallest p is `p`; at most `MOST_RESAMPLES`."""
    tail = special.ndtr(np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, p / 2))
    return int(min(np.ceil(1 / max(tail, 1 / MOST_RESAMPLES)), MOST_RESAMPLES))


def _acceleration(jackknife: Floats) -> float:
    deviation = jackknife.mean() - jackknife
    spread = float((deviation**2).sum())
    return float((deviation**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def holm(p_values: Floats) -> Floats:
    """Holm's correction over the p values that are not NaN; NaN stay and do not count.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979. scipy has none, and statsmodels'
    collects garbage in every call, which takes a hundred times as long as the tests themselves.
    """
    corrected = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
