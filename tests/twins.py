"""The estimators once more, in a few lines of plain Python that share nothing with the package: for tests only."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np


def entropy(states: list) -> float:
    """Plug-in entropy in bits."""
    counts = Counter(states)
    return -sum(count / len(states) * math.log2(count / len(states)) for count in counts.values())


def of_states(states: np.ndarray, labels: np.ndarray, inputs: np.ndarray) -> tuple[float, float]:
    """I(T;X) and I(T;Y) of (samples, units) whole numbers, by H(T) + H(Z) - H(T, Z)."""
    t, y, x = [tuple(row) for row in states.tolist()], labels.tolist(), [tuple(row) for row in inputs.tolist()]
    of_t = entropy(t)
    joint_x, joint_y = (entropy(list(zip(t, z, strict=True))) for z in (x, y))
    return of_t + entropy(x) - joint_x, of_t + entropy(y) - joint_y


def equal_bins(activity: np.ndarray, bins: int, low: float, high: float) -> np.ndarray:
    """State k begins at low + k (high - low) / (bins - 1); what is below or above belongs to the first or last."""
    edges = [low + k * (high - low) / (bins - 1) for k in range(bins)]
    return np.sum([activity.astype(np.float64) >= edge for edge in edges[1:]], axis=0)


def adaptive_bins(activity: np.ndarray, bins: int, lower_bound: float | None) -> np.ndarray:
    """As many distinct values in every state, the largest and the lower bound states of their own."""
    values = sorted(set(activity.ravel().tolist()) - {lower_bound})
    if not values:
        return np.zeros(activity.shape, dtype=int)
    edges = sorted({values[int(k * (len(values) / bins))] for k in range(bins)} | {values[-1]})
    states = np.sum([activity >= edge for edge in edges], axis=0)
    return states if lower_bound is None else np.where(activity == lower_bound, -1, states)


def of_noise(activity: np.ndarray, labels: np.ndarray, variance: float, bound: str) -> tuple[float, float]:
    """The bounds of Kolchinsky & Tracey (2017) for Gaussian noise, by distances between all samples."""
    t = activity.astype(np.float64)
    # Their lower bound has the Chernoff-alpha divergence at 1/2: four times the variance.
    scale = 2 * variance * (1 if bound == "upper" else 4)

    def mixture(points: np.ndarray) -> float:
        return -float(
            np.mean([np.log2(np.mean(np.exp(-((points - point) ** 2).sum(axis=1) / scale))) for point in points])
        )

    i_tx = mixture(t)
    return i_tx, i_tx - sum(np.mean(labels == label) * mixture(t[labels == label]) for label in np.unique(labels))


# What the paper says of the activation functions: the value that is a state of its own, and the range if bounded.
BOUNDS = {"relu": 0.0, "abs": 0.0, "softplus": 0.0}
RANGES = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0)}


def estimate(
    method: str,
    settings: Mapping[str, Any],
    bound: str,
    dump: Mapping[int, np.ndarray],
    functions: tuple[str, ...],
    epoch: int,
    layer: int,
    labels: np.ndarray,
    inputs: np.ndarray,
) -> tuple[float, float]:
    """I(T;X) and I(T;Y) from the activity (epochs, samples, units) of each layer of one seed, `layer` from 1."""
    activity = dump[layer][epoch]
    function = (*functions, "softmax")[layer - 1]
    if method == "ebab":
        own = BOUNDS.get(functions[min(layer, len(functions)) - 1])
        return of_states(adaptive_bins(activity, settings["bins"], own), labels, inputs)
    if method == "fixed_binning":
        chosen = settings["range"]
        if not isinstance(chosen, str):
            low, high = chosen
        elif chosen == "activation_function" and function in RANGES:
            low, high = RANGES[function]
        else:
            every = [dump[layer]] if chosen == "layer_maximum" else list(dump.values())
            low, high = min(0.0, *(float(a.min()) for a in every)), max(float(a.max()) for a in every)
        return of_states(equal_bins(activity, settings["bins"], low, high), labels, inputs)
    if method == "kde":
        return of_noise(activity, labels, settings["noise_variance"], bound)
    assert method == "adaptive_kde"
    largest = float(np.abs(activity.astype(np.float64)).max())
    if settings["scaling"] == "variance":
        return of_noise(activity, labels, (settings["noise_scale"] or 1e-3) * largest, bound)
    return of_noise(activity, labels, ((settings["noise_scale"] or 0.03) * largest) ** 2, bound)
