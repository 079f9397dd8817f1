"""Entropy-based adaptive binning, EBAB (Chelombiev, Houghton & O'Donnell 2019)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.errors import InfoplaneError
from infoplane.estimators.binning import BINNING_SETTINGS, Bins, binned_information, describe_correction
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


def _adaptive_bins(bins: int, lower_bound: float | None) -> Callable[[NDArray[Any]], Bins]:
    check_whole_number(bins, "bins", 2)
    if lower_bound is not None and not np.isfinite(lower_bound):
        raise InfoplaneError(f"lower_bound is {lower_bound!r}: a finite number or None is needed")

    def bins_of(item: NDArray[Any]) -> Bins:
        values = np.sort(item, axis=None)
        first = np.concatenate([[True], values[1:] != values[:-1]])
        if lower_bound is None:
            separate = None
        else:
            separate = values.dtype.type(lower_bound)
            first &= values != separate
        distinct = values[first]
        if len(distinct) == 0:
            return Bins(distinct, separate)
        edges = distinct[(np.arange(bins) * (len(distinct) / bins)).astype(np.int64)]
        # The first edge is the smallest value: no value is below it.
        return Bins(np.append(edges, distinct[-1])[1:], separate)

    return bins_of


def _estimate(
    activity: NDArray[np.float32],
    labels: NDArray[np.int64],
    input_ids: NDArray[np.int64] | None,
    layer: Layer,
    settings: Mapping[str, Any],
    device: str,
) -> list[Estimate]:
    """Always on the CPU, where one layer and epoch takes about a millisecond."""
    bins_of = _adaptive_bins(settings["bins"], layer.lower_bound)
    information, shuffled = binned_information(
        activity, labels, input_ids, bins_of, settings["correction"], settings["shuffles"], settings["shuffle_seed"]
    )
    return [Estimate("none", information, shuffled)]


def _describe(settings: Mapping[str, Any]) -> str:
    return f"up to {settings['bins']} bins, adapted per layer and epoch{describe_correction(settings)}"


METHOD = Method(name="ebab", settings=BINNING_SETTINGS, describe=_describe, estimate=_estimate)
