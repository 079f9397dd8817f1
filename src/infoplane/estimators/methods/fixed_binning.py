"""Mutual information with one fixed range of bins for all units (Shwartz-Ziv & Tishby 2017; Saxe et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.errors import InfoplaneError
from infoplane.estimators.binning import BINNING_SETTINGS, DIAGNOSTICS, binned_estimates, describe_correction
from infoplane.estimators.bins import Bins
from infoplane.estimators.interface import Cost, Estimate, Information, Layer, Look, Method, estimate_of, exact
from infoplane.estimators.validation import check_whole_number

_RANGES = {
    "activation_function": "the function's range, else [min(0, least), largest] of the network",
    "network_maximum": "[min(0, least), largest] of the network",
    "layer_maximum": "[min(0, least), largest] of the layer",
}


def fixed_binning(
    activity: ArrayLike,
    labels: ArrayLike,
    *,
    bins: int = 30,
    value_range: Sequence[float] = (-1.0, 1.0),
    input_ids: ArrayLike | None = None,
    correction: str = "none",
) -> Information:
    """I(T;X) and I(T;Y) in bits of activity in equal bins of one range.

    A unit has `bins` states. Each begins at one of the edges np.linspace(low, high, bins) and ends before the
    next: bins - 1 intervals of equal width, and the values from `high` upwards as the last state, so that a
    saturated unit is told from one that nearly is. This is the published practice, but for values below
    `low`: they belong to the first state.

    activity: (..., samples, units). labels: (samples,) integers. input_ids: (samples,) integers, equal for
    equal inputs; None where all inputs are distinct. correction: "none" or "miller_madow".
    Returns i_tx and i_ty, float64 of the leading shape. Raises InfoplaneError for activity that is not finite,
    labels or input_ids that are not one integer per sample, bins below 2, an empty range, or an unknown correction.
    """
    bins_of = _equal_bins(bins, value_range)
    settings = [{"correction": correction, "shuffles": 0, "shuffle_seed": 0}]
    return binned_estimates(activity, labels, input_ids, lambda item: [bins_of(item)], settings)[0].information


def _equal_bins(bins: int, value_range: Sequence[float]) -> Callable[[NDArray[Any]], Bins]:
    check_whole_number(bins, "bins", 2)
    low, high = _check_range(value_range, "value_range")
    edges = np.linspace(low, high, bins)[1:]

    def bins_of(item: NDArray[Any]) -> Bins:
        # Rounded up to the activity's precision an edge divides the values as the exact one does.
        rounded = edges.astype(item.dtype)
        return Bins(np.where(rounded < edges, np.nextafter(rounded, rounded.dtype.type(np.inf)), rounded))

    return bins_of


def _check_range(value_range: object, name: str) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in value_range)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise InfoplaneError(f"{name} is {value_range!r}: two numbers are needed, [low, high]") from None
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InfoplaneError(
            f"{name} is [{low:g}, {high:g}]: two finite numbers are needed, the first below the second"
        )
    return low, high


def _range_of_layer(setting: Any, layer: Layer) -> tuple[float, float]:
    if not isinstance(setting, str):
        return _check_range(setting, "range")
    if setting == "activation_function" and layer.function_range is not None:
        return layer.function_range
    if setting == "layer_maximum":
        low, high = min(0.0, layer.minimum), layer.maximum
    else:
        low, high = min(0.0, layer.network_minimum), layer.network_maximum
    # A layer that never changed carries no information, whatever the range.
    return (low, high) if low < high else (low, low + max(1.0, abs(low)))


def _bins(layer: Layer, settings: Mapping[str, Any]) -> Callable[[NDArray[Any]], Bins]:
    return _equal_bins(settings["bins"], _range_of_layer(settings["range"], layer))


def _scan(
    activity: NDArray[np.float32],
    labels: NDArray[np.int64],
    input_ids: NDArray[np.int64] | None,
    layer: Layer,
    settings: Sequence[Mapping[str, Any]],
    device: str,
) -> list[list[Estimate]]:
    """Always on the CPU, where one layer and epoch takes less than a millisecond."""
    makers = [_bins(layer, each) for each in settings]
    found = binned_estimates(activity, labels, input_ids, lambda item: [make(item) for make in makers], settings)
    return [[estimate] for estimate in found]


def _describe(settings: Mapping[str, Any]) -> str:
    chosen = settings["range"]
    where = f"over {_RANGES[chosen]}" if isinstance(chosen, str) else f"of [{exact(chosen[0])}, {exact(chosen[1])}]"
    return f"{settings['bins']} bins {where}{describe_correction(settings)}"


def _check(settings: Mapping[str, Any]) -> None:
    if not isinstance(settings["range"], str):
        _check_range(settings["range"], "range")


LOOK = Look("Fixed-range binning", "#8C510A", "s")
METHOD = Method(
    name="fixed_binning",
    settings={
        **BINNING_SETTINGS,
        "range": {
            "description": (
                "[low, high]: this range. activation_function: the range of a saturating activation function, such "
                "as [-1, 1] for tanh, and network_maximum for the others. network_maximum: from 0, or the network's "
                "smallest activity if negative, to its largest, over all layers and recorded epochs of one seed "
                "(Saxe et al. 2018). layer_maximum: the same with the layer's own extremes."
            ),
            "oneOf": [
                {"enum": list(_RANGES)},
                {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            ],
            "default": "activation_function",
        },
    },
    describe=_describe,
    estimate=estimate_of(_scan),
    scan=_scan,
    check=_check,
    bins=_bins,
    look=LOOK,
    cost=Cost(megabytes=150, megabytes_on_gpu=150, seconds=lambda samples, units: samples * (1.5e-7 + 1e-9 * units)),
    one_range=lambda settings: settings["range"] in ("activation_function", "network_maximum"),
    diagnostics=DIAGNOSTICS,
)
