"""Entropy-based adaptive binning, EBAB (Chelombiev, Houghton & O'Donnell 2019)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.errors import InfoplaneError
from infoplane.estimators.binning import BINNING_SETTINGS, DIAGNOSTICS, binned_estimates, describe_correction
from infoplane.estimators.bins import Bins
from infoplane.estimators.interface import Cost, Estimate, Information, Layer, Look, Method, estimate_of
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
    settings = [{"correction": correction, "shuffles": 0, "shuffle_seed": 0}]
    return binned_estimates(activity, labels, input_ids, _adaptive_bins([bins], lower_bound), settings)[0].information


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


def _adaptive_bins(numbers: Sequence[int], lower_bound: float | None) -> Callable[[NDArray[Any]], list[Bins]]:
    """What makes the bins of an item for each number of bins; the distinct values are sorted once for all."""
    for bins in numbers:
        check_whole_number(bins, "bins", 2)
    if lower_bound is not None and not np.isfinite(lower_bound):
        raise InfoplaneError(f"lower_bound is {lower_bound!r}: a finite number or None is needed")

    def bins_of(item: NDArray[Any]) -> list[Bins]:
        values = item.reshape(-1)
        separate = None if lower_bound is None else values.dtype.type(lower_bound)
        ranges = _value_ranges(values)
        # The first range, which ordinarily is all there is, is kept; others are sorted again, to save memory.
        kept = _distinct(values, *ranges[0], separate)
        counts = [len(kept), *(len(_distinct(values, low, high, separate)) for low, high in ranges[1:])]
        total = sum(counts)
        if total == 0:
            return [Bins(values[:0], separate)] * len(numbers)
        all_wanted = [np.append((np.arange(bins) * (total / bins)).astype(np.int64), total - 1) for bins in numbers]
        edges: list[list[NDArray[Any]]] = [[] for _ in numbers]
        start = 0
        for index, count in enumerate(counts):
            found = kept if index == 0 else None
            for wanted, of_number in zip(all_wanted, edges, strict=True):
                here = wanted[(wanted >= start) & (wanted < start + count)] - start
                if len(here):
                    found = _distinct(values, *ranges[index], separate) if found is None else found
                    of_number.append(found[here])
            start += count
        # The first edge is the smallest value: no value is below it.
        return [Bins(np.concatenate(of_number)[1:], separate) for of_number in edges]

    return bins_of


def _bins(layer: Layer, settings: Mapping[str, Any]) -> Callable[[NDArray[Any]], Bins]:
    bins_of = _adaptive_bins([settings["bins"]], layer.lower_bound)
    return lambda item: bins_of(item)[0]


def _scan(
    activity: NDArray[np.float32],
    labels: NDArray[np.int64],
    input_ids: NDArray[np.int64] | None,
    layer: Layer,
    settings: Sequence[Mapping[str, Any]],
    device: str,
) -> list[list[Estimate]]:
    """Always on the CPU, where one layer and epoch takes about a millisecond."""
    bins_of = _adaptive_bins([each["bins"] for each in settings], layer.lower_bound)
    return [[estimate] for estimate in binned_estimates(activity, labels, input_ids, bins_of, settings)]


def _describe(settings: Mapping[str, Any]) -> str:
    words = f"up to {settings['bins']} bins, adapted per layer and epoch, the function's bound apart"
    return f"{words}{describe_correction(settings)}"


LOOK = Look("EBAB", "#01665E", "o")
METHOD = Method(
    name="ebab",
    settings=BINNING_SETTINGS,
    describe=_describe,
    estimate=estimate_of(_scan),
    scan=_scan,
    bins=_bins,
    look=LOOK,
    cost=Cost(megabytes=150, megabytes_on_gpu=150, seconds=lambda samples, units: samples * (1.5e-7 + 4e-8 * units)),
    adapts=True,
    preferred=True,
    diagnostics=DIAGNOSTICS,
)
