"""What a data set is; this file imports nothing of the package but its error."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InfoplaneError


def entropy(counts: NDArray[np.int64]) -> float:
    """Entropy in bits of the empirical distribution with these counts, -sum p log2 p."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum() + 0.0)  # + 0.0: a single outcome has entropy 0, not -0


@dataclass(frozen=True)
class Dataset:
    """Inputs and labels that nobody can change by accident.

    `inputs` is (samples, features) float32, `labels` (samples,) int64 with classes 0..classes-1; both arrays
    are read-only. Raises InfoplaneError if their shapes do not fit or inputs are not finite.
    """

    name: str
    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, which is refused below
            inputs = np.ascontiguousarray(self.inputs, dtype=np.float32)
        labels = np.ascontiguousarray(self.labels, dtype=np.int64)
        if inputs.ndim != 2 or 0 in inputs.shape:
            raise InfoplaneError(
                f"data set {self.name}: inputs have the shape {inputs.shape}; they must be (samples, features), "
                "with at least one of each"
            )
        if labels.shape != inputs.shape[:1]:
            raise InfoplaneError(
                f"data set {self.name}: labels have the shape {labels.shape}; they must be ({len(inputs)},), one "
                "for each sample"
            )
        if not np.isfinite(inputs).all():
            raise InfoplaneError(f"data set {self.name}: inputs contain NaN or infinity; they must be finite")
        if labels.min() < 0:
            raise InfoplaneError(f"data set {self.name}: the smallest label is {labels.min()}; classes count from 0")
        if labels.max() >= max(len(labels), 2):
            raise InfoplaneError(
                f"data set {self.name}: the largest label is {labels.max()}; classes count from 0, and there are only "
                f"{len(labels)} samples"
            )
        for key, array in (("inputs", inputs), ("labels", labels)):
            owned = array.copy() if array is getattr(self, key) else array
            owned.setflags(write=False)
            object.__setattr__(self, key, owned)

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
