"""The division of a data set into a training and a test part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infoplane.datasets.interface import Dataset
from infoplane.errors import InfoplaneError
from infoplane.settings import Split


def split(dataset: Dataset, settings: Split) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the training and of the test samples, each ascending.

    "shuffled" draws the training part at random with the split's own seed; "ordered" takes the first samples,
    as the code published with the paper does. A stratified split does either within each class, so that both
    parts have the same proportions of classes up to rounding. Raises InfoplaneError if a part would be empty.
    """
    return split_labels(dataset.name, dataset.labels, settings)


def split_labels(name: str, labels: NDArray[np.int64], settings: Split) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `split`, for a data set of which only the name and the labels are there."""
    samples = len(labels)
    if settings.stratified:
        groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    else:
        groups = [np.arange(samples)]
    rng = np.random.default_rng(settings.seed)
    chosen = [
        (rng.permutation(group) if settings.order == "shuffled" else group)[: round(settings.fraction * len(group))]
        for group in groups
    ]
    training = np.zeros(samples, dtype=bool)
    training[np.concatenate(chosen)] = True
    if training.all() or not training.any():
        raise InfoplaneError(
            f"split.fraction is {settings.fraction}, which leaves no {'test' if training.all() else 'training'} "
            f"samples of the {samples} of data set {name}; both parts need at least one"
        )
    return np.flatnonzero(training), np.flatnonzero(~training)
