"""Where each parameter of a block of networks lies in one flat tensor.

One flat tensor means one optimiser step for everything. It is laid out layer by layer, and within a layer
seed by seed, because matrix products want (seeds, units, inputs) without gaps.

What a matrix product or an elementwise operation rounds may depend on where an array begins in memory and on the
remainder of its length: the kernels differ. So that a seed's numbers do not depend on its place in the block,
every part and every seed's matrix begins on a cache line of 64 bytes, and lengths are multiples of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from infoplane.activation_functions import activation_function
from infoplane.settings import RunSettings

CACHE_LINE = 16  # in float32
# Four vectors of the widest kind: what an elementwise operation does per turn of its loop, without remainder.
ALIGNMENT = 4 * CACHE_LINE


def aligned(count: int, to: int = ALIGNMENT) -> int:
    """`count` rounded up to a multiple of `to`."""
    return -(-count // to) * to


@dataclass(frozen=True, slots=True)
class Part:
    """One array of parameters, of shape (seeds, *shape)."""

    name: str
    shape: tuple[int, ...]
    offset: int
    size: int


class Layout:
    """Names, shapes and places of the trained parameters of `seeds` networks.

    A layer's weights and biases are one matrix (units, columns): a column per input, one for the bias (the inputs of
    every layer end with a row of ones), and columns of zeros that fill up the matrix to whole cache lines.
    """

    def __init__(self, settings: RunSettings, inputs: int, classes: int, seeds: int) -> None:
        self.sizes = (inputs, *settings.hidden_layers, classes)
        self.layers = len(self.sizes) - 1
        self.seeds = seeds
        self.columns: list[int] = []
        self.parts: list[Part] = []
        self.length = 0
        for layer in range(1, self.layers + 1):
            units = self.sizes[layer]
            self.columns.append(aligned(self.sizes[layer - 1] + 1, CACHE_LINE // math.gcd(units, CACHE_LINE)))
            self._append(f"layer{layer}/matrix", (units, self.columns[-1]))
            if layer < self.layers:
                if activation_function(settings.activations[layer - 1]).trained_slope:
                    self._append(f"layer{layer}/slopes", (units,))
                if settings.batch_normalisation:
                    self._append(f"layer{layer}/scale", (units,))
                    self._append(f"layer{layer}/shift", (units,))

    def _append(self, name: str, shape: tuple[int, ...]) -> None:
        size = self.seeds * math.prod(shape)
        self.parts.append(Part(name, shape, self.length, size))
        self.length += aligned(size)

    def zeros(self, device: torch.device) -> Tensor:
        """A flat tensor of zeros; the gaps between parts stay zero for ever."""
        return torch.zeros(self.length, device=device)

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """The parts of a flat tensor as (seeds, *shape), sharing its memory."""
        return {
            part.name: flat[part.offset : part.offset + part.size].view(self.seeds, *part.shape) for part in self.parts
        }

    def public(self, flat: Tensor) -> dict[str, Tensor]:
        """The same by the names of a TrainingRecord: each matrix as weights and biases, without what fills it up."""
        named = {}
        for name, view in self.views(flat).items():
            layer, kind = name.split("/")
            if kind == "matrix":
                inputs = self.sizes[int(layer.removeprefix("layer")) - 1]
                named[f"{layer}/weights"], named[f"{layer}/biases"] = view[:, :, :inputs], view[:, :, inputs]
            else:
                named[name] = view
        return named

    def penalised(self, layers: tuple[int, ...], device: torch.device) -> Tensor:
        """A flat tensor: 1 at the weights (not the biases) of the given layers, 0 elsewhere."""
        flat = self.zeros(device)
        named = self.public(flat)
        for layer in layers:
            named[f"layer{layer}/weights"].fill_(1)
        return flat
