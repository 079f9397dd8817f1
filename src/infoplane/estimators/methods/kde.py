"""Mutual information under Gaussian noise of fixed variance (Kolchinsky & Tracey 2017; Saxe et al. 2018)."""

from __future__ import annotations

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
from infoplane.estimators.validation import check_positive


def kde(
    activity: ArrayLike,
    labels: ArrayLike,
    *,
    noise_variance: float = 1e-3,
    bound: str = "upper",
    input_ids: ArrayLike | None = None,
    device: str = "cpu",
) -> Information:
    """One bound on I(T;X) and I(T;Y) in bits, T being the activity plus Gaussian noise.

    `bound`, "upper" or "lower", is the bound on the entropies. For I(T;X) it bounds the information; I(T;Y) is a
    difference of two entropies with the same bound in both, and is neither an upper nor a lower bound itself.
    For both bounds `kde_bounds` takes no longer than this function for one. See there for arguments and errors.
    """
    return chosen_bound(
        lambda: kde_bounds(activity, labels, noise_variance=noise_variance, input_ids=input_ids, device=device), bound
    )


def kde_bounds(
    activity: ArrayLike,
    labels: ArrayLike,
    *,
    noise_variance: float = 1e-3,
    input_ids: ArrayLike | None = None,
    device: str = "cpu",
) -> Bounds:
    """Both bounds on I(T;X) and I(T;Y) in bits, from one pass over the pairs of samples.

    The formulas are in `infoplane.estimators.pairwise`. `noise_variance` is the variance v of the noise of each
    unit, in the activity's own units squared. The layer is a function of its input, so that H(T|X) is the
    entropy of the noise whether or not inputs repeat: equal inputs are equal samples in the double sum, and
    `input_ids` changes nothing. It is checked, and is there so that all estimators are called alike.

    activity: (..., samples, units). labels: (samples,) integers. device: "cpu" or "cuda".
    Returns .upper and .lower, each with i_tx and i_ty, float64 of the leading shape. Values agree with float64
    arithmetic to 1e-4 bits up to 50,000 samples, whatever the size of the activity and of its common part, with two
    ends: noise with a deviation below 1e-53 of the largest activity is taken to be larger, and of float64 activity
    differences below 1e-7 of a unit's distance from its mean are lost, so that no unit should spread over more than a
    million deviations of the noise. Values do not depend on the other items of the leading axes, nor
    on the number of threads among which the items are shared out: OMP_NUM_THREADS, else the number of cores.
    Raises InfoplaneError for activity that is not finite, labels or input_ids that are not one integer per
    sample, a variance that is not above 0, or an unknown device.
    """
    return pairwise_bounds(activity, labels, input_ids, [_noise(noise_variance)], device)[0]


def _noise(noise_variance: float) -> Noise:
    deviation = float(np.sqrt(check_positive(noise_variance, "noise_variance")))
    return lambda largest: deviation


def _scan(
    activity: NDArray[np.float32],
    labels: NDArray[np.int64],
    input_ids: NDArray[np.int64] | None,
    layer: Layer,
    settings: Sequence[Mapping[str, Any]],
    device: str,
) -> list[list[Estimate]]:
    noises = [_noise(each["noise_variance"]) for each in settings]
    return list(map(bound_estimates, pairwise_bounds(activity, labels, input_ids, noises, device)))


LOOK = Look("KDE", "#762A83", "D")
METHOD = Method(
    name="kde",
    settings={
        "noise_variance": {
            "description": (
                "Variance of the Gaussian noise added to each unit. Saxe et al. (2018) took 0.001 for this task and "
                "0.1 for MNIST."
            ),
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 1e-3,
        },
    },
    describe=lambda settings: f"noise variance {exact(settings['noise_variance'])}",
    estimate=estimate_of(_scan),
    scan=_scan,
    look=LOOK,
    cost=PAIRS_COST,
    bounds=BOUNDS,
    uses_gpu=True,
)
