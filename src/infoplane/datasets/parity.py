"""Parity: the inputs of `szt`, labelled by whether an odd number of bits is set, so that every bit matters."""

from __future__ import annotations

import numpy as np

from infoplane.datasets.interface import Dataset
from infoplane.datasets.szt import patterns


def load() -> Dataset:
    """4096 patterns of 12 binary inputs, each once; half of the labels are 1."""
    active = patterns()
    return Dataset("parity", active.astype(np.float32), active.sum(axis=1) % 2)
