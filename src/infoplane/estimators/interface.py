"""What every estimator takes and returns.

An estimator is a function of arrays, `estimator(activity, labels, *, settings...) -> Information`. A `Method` says all
that others need of it: which settings a user may give, how the pipeline calls it, what it costs, how it is drawn.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InfoplaneError

# A field's type counts as code that a stage uses, and not every estimator has bins.
if TYPE_CHECKING:
    from infoplane.estimators.bins import Bins


class Information(NamedTuple):
    """I(T;X) and I(T;Y) in bits, float64, of the leading shape of the activity; NaN where a value is undefined."""

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
    `undefined` gives, for "i_tx" or "i_ty", the reason why it is NaN: one text, or one for each epoch.
    `i_tx_se` and `i_ty_se` are standard errors in bits. `diagnostics` has the arrays (epochs,) of what the method
    declares under the same names.
    """

    bound: str
    information: Information
    i_ty_shuffled: NDArray[np.float64] | None = None
    i_tx_se: NDArray[np.float64] | None = None
    i_ty_se: NDArray[np.float64] | None = None
    undefined: Mapping[str, str | NDArray[np.str_]] = field(default_factory=dict)
    diagnostics: Mapping[str, NDArray[Any]] = field(default_factory=dict)


STANDARD_ERRORS: Mapping[str, str] = {
    "i_tx_se": "standard error of i_tx, in bits",
    "i_ty_se": "standard error of i_ty, in bits",
}
"""The columns of standard errors, which only some estimators give."""

OK = "ok"
"""The `status` of a row whose i_tx and i_ty are both numbers."""


def estimate_columns(estimate: Estimate) -> dict[str, NDArray[Any]]:
    """An estimate as columns of a table, each of the shape of its information.

    i_tx, i_ty and i_ty_shuffled (in bits; NaN where they are undefined or not computed) and status ("ok", or why i_tx
    or i_ty is NaN) are always there. Standard errors and diagnostics are where the estimate has them. Raises
    InfoplaneError for a value that is NaN without a reason, and for a column of another shape.

    >>> information = Information(np.array([2.0, np.nan]), np.array([1.0, 1.0]))
    >>> columns = estimate_columns(Estimate("none", information, undefined={"i_tx": "too few samples"}))
    >>> columns["status"].tolist()
    ['ok', 'i_tx: too few samples']
    """
    values = estimate.information._asdict()
    shape = np.shape(estimate.information.i_tx)
    status = np.full(shape, OK, dtype=object)
    for name, column in values.items():
        reasons = np.broadcast_to(np.asarray(estimate.undefined.get(name, ""), dtype=object), shape)
        for index in np.argwhere(np.isnan(column)):
            at = tuple(index)
            if not reasons[at]:
                raise InfoplaneError(f"{name} is NaN without a reason: an estimator must say why it is undefined")
            said = f"{name}: {reasons[at]}"
            status[at] = said if status[at] == OK else f"{status[at]}; {said}"
    missing = np.full(shape, np.nan)
    shuffled = missing if estimate.i_ty_shuffled is None else estimate.i_ty_shuffled
    columns = {**values, "i_ty_shuffled": shuffled, "status": status}
    errors = {name: getattr(estimate, name) for name in STANDARD_ERRORS}
    columns |= {name: column for name, column in errors.items() if column is not None} | dict(estimate.diagnostics)
    for name, column in columns.items():
        if np.shape(column) != shape:
            raise InfoplaneError(f"the estimator's {name} has the shape {np.shape(column)}; that of i_tx is {shape}")
    return columns


@dataclass(frozen=True, slots=True)
class Look:
    """How figures show a method: what they call it and, unless it shares out the free looks, colour and marker."""

    label: str
    colour: str | None = None
    marker: str | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job of a method needs, for planning.

    `megabytes` of memory before there is any activity, `megabytes_on_gpu` where a GPU is looked for. `seconds` of one
    core for a layer and epoch, from the number of samples and the mean number of units of the layers.
    """

    megabytes: float
    megabytes_on_gpu: float
    seconds: Callable[[int, float], float]


@dataclass(frozen=True, slots=True)
class Method:
    """All that others need of an estimator.

    `settings` maps each key that a user may set in config.yaml to its JSON schema, each with `description` and
    `default`. `check`, where given, takes the completed settings and raises InfoplaneError for combinations
    that the schema cannot exclude. `describe` gives the assumption as a reader needs it to compute the number
    again, in a few words, such as "30 bins of [-1, 1]". `estimate(activity, labels, input_ids, layer, settings,
    device)` takes activity (epochs, samples, units) float32 of one seed and layer and returns one Estimate for each of
    `bounds`; `device` is "cpu" or "cuda", already resolved. `scan`, where given, takes a list of settings in the place
    of one and returns a list of lists of the same values, from one pass. With `needs_inputs` both also take the keyword
    `inputs`, (samples, features). `bins`, of the methods that sort activity into bins, takes the layer and the
    settings and returns what makes the bins of a (samples, units) array.

    `look`, which is LOOK of the method's file, and `cost` are for figures and for planning. `bounds` are those of its
    estimates. `uses_gpu`: it may compute on a GPU. `adapts`: its bins or noise follow the activity of each layer.
    `one_range`, of the methods that can have one range of bins for all layers of a network, says whether they have
    with these settings. `preferred`: a study shows it, and tests its claims with it, first where nothing else is said.
    `lacks` gives, for "i_tx" or "i_ty", the reason why the method never has it. `diagnostics` gives the meaning and
    unit of each further column.
    """

    name: str
    settings: Mapping[str, Mapping[str, Any]]
    describe: Callable[[Mapping[str, Any]], str]
    estimate: Callable[..., list[Estimate]]
    look: Look
    cost: Cost
    scan: Callable[..., list[list[Estimate]]] | None = None
    check: Callable[[Mapping[str, Any]], None] | None = None
    bins: Callable[[Layer, Mapping[str, Any]], Callable[[NDArray[Any]], Bins]] | None = None
    bounds: tuple[str, ...] = ("none",)
    uses_gpu: bool = False
    needs_inputs: bool = False
    adapts: bool = False
    one_range: Callable[[Mapping[str, Any]], bool] | None = None
    preferred: bool = False
    lacks: Mapping[str, str] = field(default_factory=dict)
    diagnostics: Mapping[str, str] = field(default_factory=dict)


def estimate_of(scan: Callable[..., list[list[Estimate]]]) -> Callable[..., list[Estimate]]:
    """The `estimate` of a method that has a `scan`: the scan of one value."""

    @functools.wraps(scan)
    def estimate(
        activity: NDArray[np.float32],
        labels: NDArray[np.int64],
        input_ids: NDArray[np.int64] | None,
        layer: Layer,
        settings: Mapping[str, Any],
        device: str,
        **inputs: Any,
    ) -> list[Estimate]:
        return scan(activity, labels, input_ids, layer, [settings], device, **inputs)[0]

    return estimate


def scan_estimates(
    method: Method,
    activity: NDArray[np.float32],
    labels: NDArray[np.int64],
    input_ids: NDArray[np.int64] | None,
    layer: Layer,
    settings: Sequence[Mapping[str, Any]],
    device: str,
    *,
    inputs: NDArray[np.float32] | None = None,
) -> list[list[Estimate]]:
    """The estimates of a method for each of several complete settings, in order: in one pass where it has one.

    Arguments as of `Method`. On the CPU each value is the same to the last bit as for its settings alone. Raises
    InfoplaneError for an empty list, for settings that are not those of the method, and where the method needs inputs
    and there are none.
    """
    if not settings:
        raise InfoplaneError(f"{method.name} has an empty list of settings: at least one is needed")
    for each in settings:
        if set(each) != set(method.settings):
            raise InfoplaneError(
                f"{method.name} has the settings {', '.join(sorted(each)) or 'none'}: "
                f"needed are {', '.join(sorted(method.settings)) or 'none'}"
            )
    if method.needs_inputs and inputs is None:
        raise InfoplaneError(f"{method.name} needs inputs, and there are none")
    further = {"inputs": inputs} if method.needs_inputs else {}
    if method.scan is not None:
        found = method.scan(activity, labels, input_ids, layer, settings, device, **further)
    else:
        found = [method.estimate(activity, labels, input_ids, layer, each, device, **further) for each in settings]
    if not method.lacks:
        return found
    return [
        [replace(estimate, undefined={**method.lacks, **estimate.undefined}) for estimate in bounds] for bounds in found
    ]


def exact(value: float) -> str:
    """A setting as few digits that give it back exactly: a reader is to compute with it again."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))
