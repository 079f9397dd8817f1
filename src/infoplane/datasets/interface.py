"""What a data set is; this file imports nothing of the package but its arrays and its error."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InfoplaneError
from infoplane.files.arrays import numbers, whole_numbers

T = TypeVar("T")


def entropy(counts: NDArray[np.int64]) -> float:
    """Entropy in bits of the empirical distribution with these counts, -sum p log2 p."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum() + 0.0)  # + 0.0: a single outcome has entropy 0, not -0


def check_shape(shape: tuple[int, ...]) -> None:
    """Raise InfoplaneError unless inputs of this shape are samples by features, with at least one of each."""
    if len(shape) != 2 or 0 in shape:
        hint = "; inputs.reshape(len(inputs), -1) makes one row of each" if len(shape) > 2 and 0 not in shape else ""
        raise InfoplaneError(
            f"inputs have the shape {shape}; they must be (samples, features), with at least one of each{hint}"
        )


def class_labels(values: Any, samples: int) -> NDArray[np.int64]:
    """Labels (samples,) as classes counted from 0. Raises InfoplaneError if they cannot be."""
    labels = whole_numbers(values, "labels", samples)
    if labels.min() < 0:
        raise InfoplaneError(f"the smallest label is {labels.min()}; classes count from 0")
    if labels.max() >= max(samples, 2):
        raise InfoplaneError(
            f"the largest label is {labels.max()}; classes count from 0, and there are only {samples} samples"
        )
    return np.ascontiguousarray(labels, dtype=np.int64)


@dataclass(frozen=True)
class Dataset:
    """Inputs and labels that nobody can change by accident.

    `inputs` is (samples, features) float32, `labels` (samples,) int64 with classes 0..classes-1; both arrays
    are read-only. What is given may be of other types, as long as it says the same (see `infoplane.files.arrays`).
    Raises InfoplaneError for masked values, other types or shapes, inputs that are not finite, and labels below 0 or
    far above the number of samples.
    """

    name: str
    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    merged_inputs: int = field(default=0, init=False)
    """How many fewer distinct inputs there are in float32 than in what was given."""

    def __post_init__(self) -> None:
        given = self._checked(lambda: numbers(self.inputs, "inputs"))
        self._checked(lambda: check_shape(given.shape))
        labels = self._checked(lambda: class_labels(self.labels, len(given)))
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, which is refused below
            inputs = np.ascontiguousarray(given, dtype=np.float32)
        if not np.isfinite(inputs).all():
            raise InfoplaneError(
                f"data set {self.name}: inputs contain NaN or infinity; they must be finite in float32"
            )
        for key, array in (("inputs", inputs), ("labels", labels)):
            owned = array.copy() if array is getattr(self, key) else array
            owned.setflags(write=False)
            object.__setattr__(self, key, owned)
        object.__setattr__(self, "merged_inputs", self._count_merged(given))

    def _checked(self, check: Callable[[], T]) -> T:
        try:
            return check()
        except InfoplaneError as error:
            raise InfoplaneError(f"data set {self.name}: {error}") from error

    def _count_merged(self, given: NDArray[Any]) -> int:
        if given.dtype == np.float32 or np.array_equal(self.inputs, given):
            return 0
        distinct = len(self._distinct[1])
        # As long as all are distinct, none became equal to another.
        return 0 if distinct == len(given) else len(np.unique(given, axis=0)) - distinct

    @property
    def classes(self) -> int:
        """The number of classes: the largest label plus one, and at least two."""
        return max(int(self.labels.max()) + 1, 2)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, over shapes, inputs and labels."""
        text = f"{self.inputs.shape}{self.labels.shape}".encode()
        return hashlib.sha256(text + self.inputs.tobytes() + self.labels.tobytes()).hexdigest()

    @cached_property
    def _distinct(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        # Adding 0 turns -0.0 into 0.0, so that equal inputs are equal bytes.
        rows = np.ascontiguousarray(self.inputs + np.float32(0.0))
        keys = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()
        _, ids, counts = np.unique(keys, return_inverse=True, return_counts=True)
        return ids.astype(np.int64), counts.astype(np.int64)

    @property
    def input_ids(self) -> NDArray[np.int64] | None:
        """(samples,) integers that name equal inputs; None when all inputs are distinct."""
        ids, counts = self._distinct
        return None if len(counts) == len(ids) else ids

    @property
    def input_entropy(self) -> float:
        """H(X) in bits, with every sample equally probable: the ceiling of I(T;X)."""
        return entropy(self._distinct[1])

    @property
    def label_entropy(self) -> float:
        """H(Y) in bits, with every sample equally probable: the ceiling of I(T;Y)."""
        return entropy(np.bincount(self.labels))
