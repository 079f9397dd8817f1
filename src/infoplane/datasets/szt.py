"""The binary task of Shwartz-Ziv & Tishby (2017), generated from its geometry.

The twelve inputs are the vertices of an icosahedron, on or off. The label is a threshold on a combination of the
pattern's spherical-harmonic power, and so does not change under the 120 symmetries of the icosahedron; in terms of
counts it is 114 k - 11 k^2 + 24 a - 12 o >= 430 with k active vertices, a active pairs of neighbours and o active
pairs of opposite vertices.
"""

from __future__ import annotations

import hashlib

import numpy as np

from infoplane.datasets.interface import Dataset
from infoplane.errors import InfoplaneError

# Of the labels as 4096 unsigned bytes: the published benchmark file has the same.
LABELS_SHA256 = "77732f16f85e91b49d3997196b56163b3bd362d8cf631468a8de3f986e88359f"

_PHI = (1 + 5**0.5) / 2
_VERTICES = np.array(
    [
        (0, 1, _PHI),
        (1, _PHI, 0),
        (_PHI, 0, -1),
        (_PHI, 0, 1),
        (0, 1, -_PHI),
        (-_PHI, 0, 1),
        (-_PHI, 0, -1),
        (-1, -_PHI, 0),
        (1, -_PHI, 0),
        (0, -1, -_PHI),
        (0, -1, _PHI),
        (-1, _PHI, 0),
    ]
)


def patterns() -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """(4096, 12): row i is the number i in binary digits, the most significant first."""
    return (np.arange(4096)[:, None] >> np.arange(11, -1, -1)) & 1


def load() -> Dataset:
    """4096 patterns of 12 binary inputs, each once, with 2118 labels of 1.

    Raises InfoplaneError if the generated labels are not those of the published benchmark.
    """
    active = patterns()
    # Inner products of vertices: 1 + phi^2 on the diagonal, +phi for neighbours, -phi for others, -(1 + phi^2)
    # for opposite ones.
    products = _VERTICES @ _VERTICES.T
    neighbours = np.isclose(products, _PHI).astype(np.int64)
    opposite = np.isclose(products, -(1 + _PHI**2)).astype(np.int64)
    k = active.sum(axis=1)
    a = ((active @ neighbours) * active).sum(axis=1) // 2
    o = ((active @ opposite) * active).sum(axis=1) // 2
    labels = (114 * k - 11 * k**2 + 24 * a - 12 * o >= 430).astype(np.int64)
    digest = hashlib.sha256(labels.astype(np.uint8).tobytes()).hexdigest()
    if digest != LABELS_SHA256:
        raise InfoplaneError(f"data set szt: the labels' SHA-256 is {digest}; it must be {LABELS_SHA256}")
    return Dataset("szt", active.astype(np.float32), labels)
