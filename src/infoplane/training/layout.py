"""Where each parameter of a block of networks lies in one flat tensor.

One flat tensor means one optimiser step for everything. It is laid out layer by layer, and within a layer
seed by seed, because matrix products want (seeds, units, inputs) without gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from infoplane.activation_functions import activation_function
from infoplane.settings import RunSettings

# Every part begins on a cache line and the whole is a multiple of this many floats, so that no elementwise
# operation has a remainder outside its vector loop, whatever the number of seeds.
ALIGNMENT = 64


def aligned(count: int) -> int:
    """`count` rounded up to a multiple of ALIGNMENT."""
    return -(-count // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, slots=True)
class Part:
    """One array of parameters, of shape (seeds, *shape)."""

    name: str
    shape: tuple[int, ...]
    offset: int
    size: int


class Layout:
    """Names, shapes and places of the trained parameters of `seeds` networks.

    The biases are the last column of "layerN/matrix": the inputs of every layer end with a row of ones.
    """

    def __init__(self, settings: RunSettings, inputs: int, classes: int, seeds: int) -> None:
        self.sizes = (inputs, *settings.hidden_layers, classes)
        self.layers = len(self.sizes) - 1
        self.seeds = seeds
        self.parts: list[Part] = []
        self.length = 0
        for layer in range(1, self.layers + 1):
            units = self.sizes[layer]
            self._append(f"layer{layer}/matrix", (units, self.sizes[layer - 1] + 1))
            if layer < self.layers:
                if activation_function(settings.activations[layer - 1]).trained_slope:
                    self._append(f"layer{layer}/slopes", (units,))
                if settings.batch_normalisation:
                    self._append(f"layer{layer}/scale", (units,))
                    self._append(f"layer{layer}/shift", (units,))

    def _append(self, name: str, shape: tuple[int, ...]) -> None:
        size = self.seeds * int(np.prod(shape))
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

    def penalised(self, layers: tuple[int, ...], device: torch.device) -> Tensor:
        """A flat tensor: 1 at the weights (not the biases) of the given layers, 0 elsewhere."""
        flat = self.zeros(device)
        views = self.views(flat)
        for layer in layers:
            views[f"layer{layer}/matrix"][:, :, :-1] = 1
        return flat


def to_public(views: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The names and shapes of a TrainingRecord: each matrix as weights and biases."""
    public = {}
    for name, values in views.items():
        layer, kind = name.split("/")
        if kind == "matrix":
            public[f"{layer}/weights"] = values[..., :-1]
            public[f"{layer}/biases"] = values[..., -1]
        else:
            public[name] = values
    return public


def from_public(parameters: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The inverse of `to_public`."""
    views = {}
    for name, values in parameters.items():
        layer, kind = name.split("/")
        if kind == "weights":
            biases = parameters[f"{layer}/biases"]
            views[f"{layer}/matrix"] = np.concatenate([values, biases[..., np.newaxis]], axis=-1)
        elif kind != "biases":
            views[name] = values
    return views
