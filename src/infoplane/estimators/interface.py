"""What every estimator takes and returns.

An estimator is a function of arrays, `estimator(activity, labels, *, settings...) -> Information`. A `Method`
tells the pipeline how to call it: which settings a user may give, and which values it computes from one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# A field's type counts as code that a stage uses, and not every estimator has bins.
if TYPE_CHECKING:
    from infoplane.estimators.bins import Bins


class Information(NamedTuple):
    """I(T;X) and I(T;Y) in bits, float64, of the leading shape of the activity."""

    i_tx: NDArray[np.float64]
    i_ty: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layer:
    """What an estimator may know about the layer beyond its activity, for one seed.

    `lower_bound` is the value that the layer's activation function (for the output: that of the hidden layers)
    is bounded below by exactly, where that value is attained and counts as a state of its own (0.0 for ReLU,
    abs and softplus), else None. `function_range` is the range of a saturating activation function, such as
    (-1, 1) for tanh and (0, 1) for softmax and sigmoid, else None. The extremes are taken over all recorded
    epochs: of this layer, and of all layers of the network.
    """

    index: int  # counts from 1; the output is the last
    lower_bound: float | None
    function_range: tuple[float, float] | None
    minimum: float
    maximum: float
    network_minimum: float
    network_maximum: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """One value per epoch that a method computed, with what must be said beside it.

    `bound` is "upper" or "lower" for estimators that bound the information, "none" for the others.
    `i_ty_shuffled` is I(T;Y) with permuted labels, averaged over the permutations: what the estimator
    reports when there is nothing. None where the setting `shuffles` is 0.
    """

    bound: str
    information: Information
    i_ty_shuffled: NDArray[np.float64] | None = None


def exact(value: float) -> str:
    """A setting as few digits that give it back exactly: a reader is to compute with it again."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


@dataclass(frozen=True, slots=True)
class Method:
    """How the pipeline calls an estimator.

    `settings` maps each key that a user may set in config.yaml to its JSON schema, each with `description` and
    `default`. `check`, where given, takes the completed settings and raises InfoplaneError for combinations
    that the schema cannot exclude. `describe` gives the assumption as a reader needs it to compute the number
    again, in a few words, such as "30 bins of [-1, 1]". `estimate(activity, labels, input_ids, layer, settings,
    device)` takes activity (epochs, samples, units) float32 of one seed and layer and returns one Estimate per bound;
    `device` is "cpu" or "cuda", already resolved. `bins`, of the methods that sort activity into bins,
    takes the layer and the settings and returns what makes the bins of a (samples, units) array.
    """

    name: str
    settings: Mapping[str, Mapping[str, Any]]
    describe: Callable[[Mapping[str, Any]], str]
    estimate: Callable[
        [
            NDArray[np.float32],
            NDArray[np.int64],
            NDArray[np.int64] | None,
            Layer,
            Mapping[str, Any],
            str,
        ],
        list[Estimate],
    ]
    check: Callable[[Mapping[str, Any]], None] | None = None
    bins: Callable[[Layer, Mapping[str, Any]], Callable[[NDArray[Any]], Bins]] | None = None
