"""`szt` with shuffled labels: nothing to learn but the samples themselves, the control for memorisation."""

from __future__ import annotations

import numpy as np

from infoplane.datasets import szt
from infoplane.datasets.interface import Dataset
from infoplane.errors import InfoplaneError


def load(seed: int = 0) -> Dataset:
    """The inputs of `szt` with its labels in an order drawn from `seed`. Raises InfoplaneError if that is negative."""
    if seed < 0:
        raise InfoplaneError(f"data set shuffled: seed is {seed}; it must be at least 0")
    original = szt.load()
    return Dataset("shuffled", original.inputs, np.random.default_rng(seed).permutation(original.labels))
