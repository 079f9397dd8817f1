"""What training leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """The recorded epochs of a block of S seeds; layers count from 1 and the output is the last.

    `epochs` (E,) are the recorded epochs, counted in epochs of training done, so 0 is the initial state.

    `parameters` maps a name to float32 (S, E, ...): "layer1/weights" (S, E, units, inputs of the layer),
    "layer1/biases" (S, E, units); "layer1/slopes" (S, E, units) where the activation function has a trained slope;
    "layer1/scale", "layer1/shift", "layer1/running_mean", "layer1/running_variance" (S, E, units) with batch
    normalisation.

    `history` holds train_loss, train_accuracy, test_loss, test_accuracy, float64 (S, E): the mean cross-entropy in
    nats without the penalty and the fraction of samples that are classified rightly, both in evaluation mode.
    A part without samples has NaN.

    `layer_statistics` holds weight_norm, float64 (S, E, layers), the Frobenius norm of each weight matrix; where the
    settings ask for them also gradient_mean_norm and gradient_sd_norm: the Frobenius norms of the mean and of the
    standard deviation (with division by n), over the mini-batches of that epoch, of the gradient of the mean
    cross-entropy (without the penalty) by the weight matrix (Shwartz-Ziv & Tishby 2017). Epoch 0 has no
    mini-batches, so NaN.

    `diverged_epoch` (S,) int64 is the first epoch in which the seed's loss was found not finite, in one of the
    epoch's steps or in the evaluation of a recorded epoch, and -1 for the others. From it on all records of the
    seed are NaN.
    """

    seeds: NDArray[np.int64]
    epochs: NDArray[np.int64]
    parameters: Mapping[str, NDArray[np.float32]]
    history: Mapping[str, NDArray[np.float64]]
    layer_statistics: Mapping[str, NDArray[np.float64]]
    diverged_epoch: NDArray[np.int64]


HISTORY = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
GRADIENT_STATISTICS = ("gradient_mean_norm", "gradient_sd_norm")


def row_norms(matrices: NDArray[Any]) -> NDArray[np.float64]:
    """Frobenius norm of each matrix of (S, ...), in float64; a row's result does not depend on the others."""
    return np.array([np.sqrt(np.square(matrix.astype(np.float64)).sum()) for matrix in matrices])
