"""Checks and normal forms of what a caller passes to an estimator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.errors import InfoplaneError
from infoplane.files.arrays import numbers, whole_numbers


@dataclass(frozen=True, slots=True)
class Samples:
    """Checked activity and labels, in the form that the estimators compute on.

    `activity` is (items, samples, units), float32 or float64, one item per element of the `leading` shape.
    `classes` (samples,) numbers the labels 0..class_count - 1. `inputs` (samples,) numbers the inputs in the
    same way; it is None where every sample has an input of its own.
    """

    activity: NDArray[Any]
    leading: tuple[int, ...]
    classes: NDArray[np.int64]
    class_count: int
    inputs: NDArray[np.int64] | None
    input_count: int

    def items(self) -> Iterator[NDArray[Any]]:
        """The (samples, units) arrays in order, contiguous, each checked to be finite."""
        for number, item in enumerate(self.activity):
            if not (np.isfinite(item.min()) and np.isfinite(item.max())):
                where = f" at index {tuple(map(int, np.unravel_index(number, self.leading)))}" if self.leading else ""
                raise InfoplaneError(
                    f"activity has NaN or infinite values{where}: an estimator needs finite numbers "
                    "(did the training diverge?)"
                )
            yield np.ascontiguousarray(item)


def check_samples(activity: ArrayLike, labels: ArrayLike, input_ids: ArrayLike | None) -> Samples:
    """Bring the arrays of a caller into normal form.

    Activity of float16, integers or booleans is widened; float32 and float64 stay as they are, and are not
    copied. Labels and input_ids may be floating-point numbers that are whole, or a single row or column. Raises
    InfoplaneError for fewer than two axes, no samples or units, masked values, activity that is not real numbers, and
    labels or input_ids that are not one whole number per sample. That the activity is finite is checked item by item,
    in `Samples.items`.
    """
    values = numbers(activity, "activity")
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    elif values.dtype != np.float32:
        values = values.astype(np.float64, copy=False)
    if values.ndim < 2:
        raise InfoplaneError(f"activity has the shape {values.shape}: (..., samples, units) is needed")
    *leading, samples, units = values.shape
    if samples == 0 or units == 0:
        raise InfoplaneError(f"activity has the shape {values.shape}: at least one sample and one unit are needed")
    classes, class_count = _numbered(labels, "labels", samples)
    inputs, input_count = (None, samples) if input_ids is None else _numbered(input_ids, "input_ids", samples)
    if input_count == samples:
        inputs = None
    return Samples(
        activity=values.reshape(-1, samples, units),
        leading=tuple(leading),
        classes=classes,
        class_count=class_count,
        inputs=inputs,
        input_count=input_count,
    )


def _numbered(integers: ArrayLike, name: str, samples: int) -> tuple[NDArray[np.int64], int]:
    """Replace each distinct integer by its rank; returns the ranks and how many distinct ones there are."""
    distinct, ranks = np.unique(whole_numbers(integers, name, samples), return_inverse=True)
    return ranks.reshape(-1).astype(np.int64), len(distinct)


def check_whole_number(value: object, name: str, minimum: int) -> int:
    """`value` as an int; raises InfoplaneError where it is no whole number of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise InfoplaneError(f"{name} is {value!r}: a whole number of at least {minimum} is needed")
    return int(value)


def check_positive(value: object, name: str) -> float:
    """`value` as a float; raises InfoplaneError where it is no finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InfoplaneError(f"{name} is {value!r}: a number above 0 is needed")
    number = float(value)
    if not (np.isfinite(number) and number > 0):
        raise InfoplaneError(f"{name} is {value!r}: a finite number above 0 is needed")
    return number


def check_choice(value: object, name: str, choices: tuple[str, ...]) -> str:
    """`value` as a str; raises InfoplaneError where it is none of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise InfoplaneError(f"{name} is {value!r}: allowed are {', '.join(choices)}")
    return value


def without_rounding(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` of what cannot be negative: rounding, which is less than 1e-9 below zero, becomes 0."""
    return np.where((values < 0) & (values > -1e-9), 0.0, values)
