"""The states that bins divide the activity of a unit into; this file imports nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Up to this many edges one comparison per edge over a whole block is faster than a binary search per value.
_FEW_EDGES = 64
# Values compared at a time: small enough for the first-level cache.
_BLOCK = 8192


@dataclass(frozen=True, slots=True)
class Bins:
    """The states of a unit: state k holds the values from inner_edges[k - 1] up to, not including, inner_edges[k].

    The first state has no lower and the last no upper end, so that every value has a state. `separate`, where
    given, is a value that is a state of its own. Both are in the activity's own precision.
    """

    inner_edges: NDArray[Any]
    separate: float | None = None

    @property
    def count(self) -> int:
        """How many states a unit can have."""
        return len(self.inner_edges) + 1 + (self.separate is not None)

    def states(self, values: NDArray[Any]) -> NDArray[Any]:
        """The state of each value, unsigned integers of the values' shape."""
        flat = values.reshape(-1)
        if len(self.inner_edges) <= _FEW_EDGES:
            states = np.zeros(len(flat), dtype=np.uint8)
            for start in range(0, len(flat), _BLOCK):
                block, counted = flat[start : start + _BLOCK], states[start : start + _BLOCK]
                for edge in self.inner_edges:
                    counted += block >= edge
        else:
            smallest = np.min_scalar_type(self.count)
            states = np.searchsorted(self.inner_edges, flat, side="right").astype(smallest)
        if self.separate is not None:
            states[flat == self.separate] = self.count - 1
        return states.reshape(values.shape)
