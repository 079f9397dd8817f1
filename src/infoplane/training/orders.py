"""The order of samples in each epoch, drawn from many random streams at once.

`Orders.draw` gives what `numpy.random.Generator.permutation` gives, bit by bit, at a third of the time: one call for
all seeds, the generator inlined, and no branch on a random number, which a processor could only guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from infoplane.runtime.compiled import compiled

_WORD = (1 << 64) - 1
# PCG64 (O'Neill 2014, XSL-RR): the multiplier of its 128-bit state.
_HIGH, _LOW = np.uint64(0x2360ED051FC65DA4), np.uint64(0x4385DF649FCCF645)


class Orders:
    """The streams of a shard's seeds; each starts where its generator, a PCG64, stands."""

    def __init__(self, generators: Sequence[np.random.Generator]) -> None:
        self._states = np.zeros((len(generators), 6), dtype=np.uint64)
        for row, generator in enumerate(generators):
            self._load(row, dict(generator.bit_generator.state))

    def _load(self, row: int, state: dict[str, Any]) -> None:
        value, increment = state["state"]["state"], state["state"]["inc"]
        self._states[row] = [
            value >> 64,
            value & _WORD,
            increment >> 64,
            increment & _WORD,
            state["has_uint32"],
            state["uinteger"],
        ]

    def draw(self, out: NDArray[np.int32]) -> None:
        """Fills `out` (seeds, samples) with a permutation of 0..samples - 1 per seed, each from its own stream."""
        _draw(self._states, out)

    @property
    def state(self) -> list[dict[str, Any]]:
        """Of each stream, as numpy's PCG64 has it."""
        return [
            {
                "bit_generator": "PCG64",
                "state": {"state": (high << 64) | low, "inc": (increment_high << 64) | increment_low},
                "has_uint32": has_half,
                "uinteger": half,
            }
            for high, low, increment_high, increment_low, has_half, half in self._states.tolist()
        ]

    @state.setter
    def state(self, states: Sequence[dict[str, Any]]) -> None:
        for row, state in enumerate(states):
            self._load(row, state)


@compiled(types.Array(types.uint64, 2, "C"), types.Array(types.int32, 2, "C"))
def _draw(states, out):  # type: ignore[no-untyped-def]
    """Shuffle each row of `out` from its end (Fisher & Yates): numpy's algorithm, numbers and order of drawing."""
    one, half_bits, half_mask, samples = np.uint64(1), np.uint64(32), np.uint64(0xFFFFFFFF), out.shape[1]
    partners = np.empty(samples, np.uint32)
    for row in range(len(out)):
        high, low, increment_high, increment_low, has_half, half = states[row]
        position = np.uint64(samples - 1)
        mask = position
        for shift in (1, 2, 4, 8, 16):
            mask |= mask >> np.uint64(shift)
        while position > 0:
            # A number up to `position` is drawn as so many bits, again and again until it is not above it.
            lower_mask = mask >> one
            while position > lower_mask:
                if has_half:
                    number, has_half = half, np.uint64(0)
                else:
                    # 128 bits: state = state * multiplier + increment, in words, the low product in half words.
                    a, b, c, d = low & half_mask, low >> half_bits, _LOW & half_mask, _LOW >> half_bits
                    middle = ((a * c) >> half_bits) + ((a * d) & half_mask) + ((b * c) & half_mask)
                    carried = b * d + ((a * d) >> half_bits) + ((b * c) >> half_bits) + (middle >> half_bits)
                    high = carried + high * _LOW + low * _HIGH + increment_high
                    low = low * _LOW + increment_low
                    high += one if low < increment_low else np.uint64(0)
                    mixed, turn = high ^ low, high >> np.uint64(58)
                    mixed = (mixed >> turn) | (mixed << ((np.uint64(64) - turn) & np.uint64(63)))
                    number, half, has_half = mixed & half_mask, mixed >> half_bits, one
                number &= mask
                partners[position] = number
                position -= one if number <= position else np.uint64(0)
            mask = lower_mask
        states[row, 0], states[row, 1], states[row, 4], states[row, 5] = high, low, has_half, half
        order = out[row]
        for sample in range(samples):
            order[sample] = sample
        for sample in range(samples - 1, 0, -1):
            partner = partners[sample]
            order[sample], order[partner] = order[partner], order[sample]
