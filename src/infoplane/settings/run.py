"""The settings of a run that is trained, and of one that is recorded elsewhere; and a block of a run's seeds."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InfoplaneError


@dataclass(frozen=True, slots=True)
class Split:
    """How the samples are divided into a training and a test part."""

    fraction: float
    seed: int
    order: str  # "shuffled" or "ordered"
    stratified: bool


@dataclass(frozen=True, slots=True)
class Initialisation:
    """How the weight matrices are drawn; biases start at zero."""

    scheme: str  # "truncated_normal", "glorot", "he" or "orthogonal"
    # None: the gain of the layer's activation function for truncated_normal, 1 for the others, which have their own
    scale: float | None


@dataclass(frozen=True, slots=True)
class RecordedEpochs:
    """Which epochs are kept; epoch 0 (the initial state) and the last are always among them."""

    spacing: str  # "log", "linear" or "list"
    count: int | None = None
    epochs: tuple[int, ...] = ()

    def resolve(self, last_epoch: int) -> NDArray[np.int64]:
        """The recorded epochs, ascending and distinct, from 0 to `last_epoch`.

        Log spacing is floor(geomspace(1, last + 1, count)) - 1; points that fall on the same epoch
        are kept once, so that 400 points over 8000 epochs are 274 recorded epochs.
        """
        if self.spacing == "list":
            chosen = np.asarray(self.epochs, dtype=np.int64)
        elif self.spacing == "linear":
            assert self.count is not None
            chosen = np.linspace(0, last_epoch, self.count).astype(np.int64)
        else:
            assert self.count is not None
            chosen = np.floor(np.geomspace(1, last_epoch + 1, self.count)).astype(np.int64) - 1
        return np.unique(np.concatenate([[0], chosen[chosen <= last_epoch], [last_epoch]])).astype(np.int64)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Everything that decides the numbers of one run, for any seed.

    `activations` names the activation function of each hidden layer, in order; the output is softmax.
    `l2` is the penalty of mean cross-entropy + l2 * sum over penalised weight matrices of 0.5 * ||W||^2;
    `weight_decay` is decoupled (Loshchilov & Hutter 2019): weights shrink by learning_rate * weight_decay
    per step. Both apply to `penalised_layers`, counted from 1. `batch_size` None means the full batch; `batches` says
    what becomes of samples that are left over.
    """

    dataset: str
    dataset_options: tuple[tuple[str, Any], ...]
    split: Split
    hidden_layers: tuple[int, ...]
    activations: tuple[str, ...]
    batch_normalisation: bool
    dropout: float
    initialisation: Initialisation
    optimiser: str  # "adam" or "sgd"
    learning_rate: float
    momentum: float  # of sgd
    batch_size: int | None
    l2: float
    weight_decay: float
    penalised_layers: tuple[int, ...]
    epochs: int
    recorded_epochs: RecordedEpochs
    record_gradients: bool
    study_seed: int

    @property
    def activation(self) -> str:
        """The activation function's name, or the names of all hidden layers joined by '-' if they differ."""
        return "-".join(self.activations) if len(set(self.activations)) > 1 else self.activations[0]

    def batches(self, samples: int) -> list[int]:
        """The number of samples of each mini-batch of an epoch, in order.

        The last mini-batch has what is left over. With batch normalisation, up to half a mini-batch that is left over
        is joined to the one before: the mean and variance of few samples would make up a tenth of the running
        statistics, as much as those of any other mini-batch, and distort the networks that are recorded.
        """
        size = min(self.batch_size or samples, samples)
        counts = [min(size, samples - start) for start in range(0, samples, size)]
        if self.batch_normalisation and len(counts) > 1 and 2 * counts[-1] <= size:
            counts[-2:] = [sum(counts[-2:])]
        return counts

    def to_json(self) -> str:
        """Canonical text: sorted keys, no spaces, so that equal settings are equal strings."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> RunSettings:
        """The inverse of `to_json`."""
        values: Mapping[str, Any] = json.loads(text)
        recorded = dict(values["recorded_epochs"])
        recorded["epochs"] = tuple(recorded["epochs"])
        nested = {
            "dataset_options": tuple((key, value) for key, value in values["dataset_options"]),
            "split": Split(**values["split"]),
            "initialisation": Initialisation(**values["initialisation"]),
            "recorded_epochs": RecordedEpochs(**recorded),
            **{key: tuple(values[key]) for key in ("hidden_layers", "activations", "penalised_layers")},
        }
        return cls(**{**values, **nested})


NOT_RECORDED = "not recorded"
"""What tables say in the place of a text, such as the activation function, that a recording does not give."""


@dataclass(frozen=True, slots=True)
class RecordedSettings:
    """A run that is recorded instead of trained: `patterns` are the paths of its files, or globs that find them.

    They are absolute, or relative to the working folder; ~ is expanded.
    """

    patterns: tuple[str, ...]

    def to_json(self) -> str:
        """Canonical text: sorted keys, no spaces, so that equal settings are equal strings."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive seeds that are trained in one job."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"seeds_{self.first}-{self.last}"

    @property
    def seeds(self) -> range:
        """The seeds of the block, ascending."""
        return range(self.first, self.last + 1)

    @classmethod
    def parse(cls, name: str) -> Block:
        """The inverse of `str`. Raises InfoplaneError for anything else."""
        numbers = re.fullmatch(r"seeds_(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,8})", name)
        if numbers is None or int(numbers[1]) > int(numbers[2]):
            raise InfoplaneError(f"{name!r} is not a block of seeds; it must look like seeds_0-9")
        return cls(int(numbers[1]), int(numbers[2]))
