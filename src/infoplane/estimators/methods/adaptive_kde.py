"""Mutual information under Gaussian noise that grows with the layer's activity (aKDE).

Chelombiev, Houghton & O'Donnell (2019) make the noise variance proportional to the largest activity of a layer.
The constant of proportion, and whether the maximum is taken per epoch, are not established; here it is taken per
layer and epoch, of the absolute activity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.estimators.interface import Estimate, Information, Layer, Look, Method, estimate_of, exact
from infoplane.estimators.pairwise import (
    BOUNDS,
    PAIRS_COST,
    Bounds,
    Noise,
    bound_estimates,
    chosen_bound,
    pairwise_bounds,
)
from infoplane.estimators.validation import check_choice, check_positive

# The default noise scale of each scaling.
_SCALES = {"variance": 1e-3, "standard_deviation": 0.03}


def adaptive_kde(
    activity: ArrayLike,
    labels: ArrayLike,
    *,
    noise_scale: float | None = None,
    scaling: str = "variance",
    bound: str = "upper",
    input_ids: ArrayLike | None = None,
    device: str = "cpu",
) -> Information:
    """One bound on I(T;X) and I(T;Y) in bits, as `kde`, with noise that grows with the activity.

    For both bounds `adaptive_kde_bounds` takes no longer than this function for one. See there for arguments
    and errors.
    """
    return chosen_bound(
        lambda: adaptive_kde_bounds(
            activity, labels, noise_scale=noise_scale, scaling=scaling, input_ids=input_ids, device=device
        ),
        bound,
    )


def adaptive_kde_bounds(
    activity: ArrayLike,
    labels: ArrayLike,
    *,
    noise_scale: float | None = None,
    scaling: str = "variance",
    input_ids: ArrayLike | None = None,
    device: str = "cpu",
) -> Bounds:
    """Both bounds on I(T;X) and I(T;Y) in bits, from one pass over the pairs of samples.

    With m the largest absolute activity of an item of the leading axes (a layer at one epoch), the noise of
    each unit has the variance noise_scale * m for `scaling` "variance", by default 1e-3 * m, or the standard
    deviation noise_scale * m for "standard_deviation", by default 0.03 * m. Only the second is the same for a
    layer and any multiple of it. Activity that is zero throughout has no information.

    All else as in `kde_bounds`. Also raises InfoplaneError for a noise scale that is not above 0 and for an
    unknown scaling.
    """
    return pairwise_bounds(activity, labels, input_ids, [_noise(noise_scale, scaling)], device)[0]


def _noise(noise_scale: float | None, scaling: str) -> Noise:
    check_choice(scaling, "scaling", tuple(_SCALES))
    scale = _SCALES[scaling] if noise_scale is None else check_positive(noise_scale, "noise_scale")
    if scaling == "variance":
        return lambda largest: math.sqrt(scale) * math.sqrt(largest)
    return lambda largest: scale * largest


def _scan(
    activity: NDArray[np.float32],
    labels: NDArray[np.int64],
    input_ids: NDArray[np.int64] | None,
    layer: Layer,
    settings: Sequence[Mapping[str, Any]],
    device: str,
) -> list[list[Estimate]]:
    noises = [_noise(each["noise_scale"], each["scaling"]) for each in settings]
    return list(map(bound_estimates, pairwise_bounds(activity, labels, input_ids, noises, device)))


def _describe(settings: Mapping[str, Any]) -> str:
    scaling = settings["scaling"]
    scale = _SCALES[scaling] if settings["noise_scale"] is None else settings["noise_scale"]
    return f"noise {scaling.replace('_', ' ')} {exact(scale)} x largest |activity| of the layer and epoch"


LOOK = Look("Adaptive KDE", "#DE6FA9", "^")
METHOD = Method(
    name="adaptive_kde",
    settings={
        "noise_scale": {
            "description": (
                "Noise of each unit as a multiple of the layer's largest absolute activity at that epoch. null: "
                "0.001 where it scales the variance, 0.03 where it scales the standard deviation."
            ),
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "default": None,
        },
        "scaling": {
            "description": (
                "What grows with the activity: the noise's variance, or its standard_deviation, which gives a layer "
                "and any multiple of it the same information."
            ),
            "enum": list(_SCALES),
            "default": "variance",
        },
    },
    describe=_describe,
    estimate=estimate_of(_scan),
    scan=_scan,
    look=LOOK,
    cost=PAIRS_COST,
    bounds=BOUNDS,
    uses_gpu=True,
    adapts=True,
)
