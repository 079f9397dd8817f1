"""`szt` with shuffled labels: nothing to learn but the samples themselves, the control for memorisation."""

from __future__ import annotations

import numpy as np

from infoplane.datasets import szt
from infoplane.datasets.interface import Dataset


def load(seed: int = 0) -> Dataset:
    """The inputs of `szt` with its labels in an order drawn from `seed`."""
    original = szt.load()
    return Dataset("shuffled", original.inputs, np.random.default_rng(seed).permutation(original.labels))
