"""Entropy-based adaptive binning, EBAB (Chelombiev, Houghton & O'Donnell 2019)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.errors import InfoplaneError
from infoplane.estimators.binning import BINNING_SETTINGS, binned_information, describe_correction
from infoplane.estimators.bins import Bins
from infoplane.estimators.interface import Estimate, Information, Layer, Method
from infoplane.estimators.validation import check_whole_number


def ebab(
    activity: ArrayLike,
    labels: ArrayLike,
    *,
    bins: int = 30,
    lower_bound: float | None = None,
    input_ids: ArrayLike | None = None,
    correction: str = "none",
) -> Information:
    """I(T;X) and I(T;Y) in bits of activity in bins that hold equally many distinct values.

    All units of a layer are pooled. With u_0 < u_1 < ... the n distinct values, state k of `bins` begins at
    u[int(k * (n / bins))], and the largest value is one more state. Distinct values are counted, not
    observations: one value that is taken often does not crowd the others into few bins.
    `lower_bound`, 0.0 for activation functions bounded below by exactly 0, is taken out of the distinct
    values and is a state of its own. Every item of the leading axes, so each epoch, has its own bins.

    activity: (..., samples, units). labels: (samples,) integers. input_ids: (samples,) integers, equal for
    equal inputs; None where all inputs are distinct. correction: "none" or "miller_madow".
    Returns i_tx and i_ty, float64 of the leading shape. Raises InfoplaneError for activity that is not finite,
    labels or input_ids that are not one integer per sample, bins below 2, a lower bound that is not finite, or
    an unknown correction.
    """
    bins_of = _adaptive_bins(bins, lower_bound)
    return binned_information(activity, labels, input_ids, bins_of, correction)[0]


# Values that are sorted at once: the memory of a very wide layer stays bounded.
_AT_ONCE = 2**21

_Ranges = list[tuple[float, float]]


def _value_ranges(values: NDArray[Any]) -> _Ranges:
    """Ranges [low, high), ascending and without gaps, with about `_AT_ONCE` of the values in each."""
    pieces = -(-values.size // _AT_ONCE)
    if pieces == 1:
        return [(-np.inf, np.inf)]
    sample = np.sort(values[:: max(1, values.size // (64 * pieces))])
    inner = np.unique(sample[np.arange(1, pieces) * len(sample) // pieces]).tolist()
    return list(itertools.pairwise([-np.inf, *inner, np.inf]))


def _distinct(values: NDArray[Any], low: float, high: float, separate: Any) -> NDArray[Any]:
    """The distinct values in [low, high) but for `separate`, ascending."""
    found = values
    if values.size > _AT_ONCE:
        parts = (values[first : first + _AT_ONCE] for first in range(0, values.size, _AT_ONCE))
        found = np.concatenate([_sorted_distinct(part[(part >= low) & (part < high)]) for part in parts])
    found = _sorted_distinct(found)
    return found if separate is None else found[found != separate]


def _sorted_distinct(values: NDArray[Any]) -> NDArray[Any]:
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def _adaptive_bins(bins: int, lower_bound: float | None) -> Callable[[NDArray[Any]], Bins]:
    check_whole_number(bins, "bins", 2)
    if lower_bound is not None and not np.isfinite(lower_bound):
        raise InfoplaneError(f"lower_bound is {lower_bound!r}: a finite number or None is needed")

    def bins_of(item: NDArray[Any]) -> Bins:
        values = item.reshape(-1)
        separate = None if lower_bound is None else values.dtype.type(lower_bound)
        ranges = _value_ranges(values)
        # The first range, which ordinarily is all there is, is kept; others are sorted again, to save memory.
        kept = _distinct(values, *ranges[0], separate)
        counts = [len(kept), *(len(_distinct(values, low, high, separate)) for low, high in ranges[1:])]
        total = sum(counts)
        if total == 0:
            return Bins(values[:0], separate)
        wanted = np.append((np.arange(bins) * (total / bins)).astype(np.int64), total - 1)
        edges = []
        start = 0
        for index, count in enumerate(counts):
            here = wanted[(wanted >= start) & (wanted < start + count)] - start
            if len(here):
                edges.append((_distinct(values, *ranges[index], separate) if index else kept)[here])
            start += count
        # The first edge is the smallest value: no value is below it.
        return Bins(np.concatenate(edges)[1:], separate)

    return bins_of


def _bins(layer: Layer, settings: Mapping[str, Any]) -> Callable[[NDArray[Any]], Bins]:
    return _adaptive_bins(settings["bins"], layer.lower_bound)


def _estimate(
    activity: NDArray[np.float32],
    labels: NDArray[np.int64],
    input_ids: NDArray[np.int64] | None,
    layer: Layer,
    settings: Mapping[str, Any],
    device: str,
) -> list[Estimate]:
    """Always on the CPU, where one layer and epoch takes about a millisecond."""
    bins_of = _bins(layer, settings)
    information, shuffled = binned_information(
        activity, labels, input_ids, bins_of, settings["correction"], settings["shuffles"], settings["shuffle_seed"]
    )
    return [Estimate("none", information, shuffled)]


def _describe(settings: Mapping[str, Any]) -> str:
    words = f"up to {settings['bins']} bins, adapted per layer and epoch, the function's bound apart"
    return f"{words}{describe_correction(settings)}"


METHOD = Method(name="ebab", settings=BINNING_SETTINGS, describe=_describe, estimate=_estimate, bins=_bins)
