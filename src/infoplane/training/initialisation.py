"""Random streams and initial weights.

The streams of a seed are numpy's PCG64 over SeedSequence([study seed, seed, stream]), with the stream numbers below.
They depend on nothing else: not on the block, the device or the number of threads. All random numbers are drawn on
the CPU.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from infoplane.activation_functions import INITIAL_SLOPE, activation_function
from infoplane.errors import InfoplaneError
from infoplane.settings import Initialisation, RunSettings

INITIAL_WEIGHTS, SAMPLE_ORDER, DROPOUT = 0, 1, 2


def stream(study_seed: int, seed: int, number: int) -> np.random.Generator:
    """The random stream of one seed for one purpose: INITIAL_WEIGHTS, SAMPLE_ORDER or DROPOUT."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([study_seed, seed, number])))


def truncated_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Standard normal numbers; those beyond two standard deviations are drawn again."""
    values = generator.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values[outside] = generator.standard_normal(int(outside.sum()))
    return values


def initial_matrix(
    generator: np.random.Generator, initialisation: Initialisation, gain: float, units: int, inputs: int
) -> NDArray[np.float64]:
    """The initial weights (units, inputs) of one layer.

    - truncated_normal: standard deviation h / sqrt(inputs) before truncation at two of them, h = `scale`, or the
      activation function's `gain` where `scale` is None;
    - glorot: uniform in +- scale * sqrt(6 / (inputs + units)) (Glorot & Bengio 2010);
    - he: normal with standard deviation scale * sqrt(2 / inputs) (He et al. 2015);
    - orthogonal: scale times a matrix with orthonormal rows or columns (Saxe et al. 2014).

    The last three carry their own constant, so that `scale` None is 1 for them.
    """
    scale = 1.0 if initialisation.scale is None else initialisation.scale
    match initialisation.scheme:
        case "truncated_normal":
            h = gain if initialisation.scale is None else initialisation.scale
            return truncated_normal(generator, (units, inputs)) * (h / math.sqrt(inputs))
        case "glorot":
            return generator.uniform(-1, 1, (units, inputs)) * (scale * math.sqrt(6 / (inputs + units)))
        case "he":
            return generator.standard_normal((units, inputs)) * (scale * math.sqrt(2 / inputs))
        case "orthogonal":
            tall = generator.standard_normal((max(units, inputs), min(units, inputs)))
            q, r = np.linalg.qr(tall)
            q *= np.sign(np.diag(r))  # makes the factorisation unique, and the distribution uniform
            return np.asarray(scale * (q if units >= inputs else q.T))
    raise InfoplaneError(
        f"unknown initialisation scheme {initialisation.scheme!r}; "
        "allowed are truncated_normal, glorot, he and orthogonal"
    )


def initial_parameters(settings: RunSettings, seed: int, sizes: tuple[int, ...]) -> dict[str, NDArray[np.float32]]:
    """All trained parameters of one seed, by the names of TrainingRecord.

    The layers are drawn in order from one stream. The output layer takes the gain of the last hidden layer.
    Biases and shifts start at 0, scales at 1, trained slopes at INITIAL_SLOPE.
    """
    generator = stream(settings.study_seed, seed, INITIAL_WEIGHTS)
    parameters: dict[str, NDArray[np.float32]] = {}
    layers = len(sizes) - 1
    for layer in range(1, layers + 1):
        inputs, units = sizes[layer - 1], sizes[layer]
        function = activation_function(settings.activations[min(layer, layers - 1) - 1])
        weights = initial_matrix(generator, settings.initialisation, function.gain, units, inputs)
        parameters[f"layer{layer}/weights"] = weights.astype(np.float32)
        parameters[f"layer{layer}/biases"] = np.zeros(units, dtype=np.float32)
        if layer < layers:
            if function.trained_slope:
                parameters[f"layer{layer}/slopes"] = np.full(units, INITIAL_SLOPE, dtype=np.float32)
            if settings.batch_normalisation:
                parameters[f"layer{layer}/scale"] = np.ones(units, dtype=np.float32)
                parameters[f"layer{layer}/shift"] = np.zeros(units, dtype=np.float32)
    return parameters
