"""Settings and data for the tests of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from infoplane import datasets
from infoplane.settings import Initialisation, RecordedEpochs, RunSettings, Split


@dataclass(frozen=True)
class Task:
    """Samples and their division, in the order in which train_block takes them."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    train: NDArray[np.int64]
    test: NDArray[np.int64]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter((self.inputs, self.labels, self.train, self.test))


@pytest.fixture(scope="session")
def make_settings() -> Callable[..., RunSettings]:
    """The study's network and optimiser; keywords change single settings, `activation` all layers' at once."""

    def make(**changes: Any) -> RunSettings:
        values: dict[str, Any] = {
            "dataset": "szt",
            "dataset_options": (),
            "split": Split(fraction=0.8, seed=0, order="shuffled", stratified=False),
            "hidden_layers": (10, 7, 5, 4, 3),
            "batch_normalisation": False,
            "dropout": 0.0,
            "initialisation": Initialisation("truncated_normal", None),
            "optimiser": "adam",
            "learning_rate": 4e-4,
            "momentum": 0.9,
            "batch_size": 256,
            "l2": 0.0,
            "weight_decay": 0.0,
            "penalised_layers": (1, 2, 3, 4, 5),
            "epochs": 5,
            "recorded_epochs": RecordedEpochs("list"),
            "record_gradients": False,
            "study_seed": 3,
        }
        activation = changes.pop("activation", "tanh")
        values.update(changes)
        values.setdefault("activations", (activation,) * len(values["hidden_layers"]))
        return RunSettings(**values)

    return make


@pytest.fixture(scope="session")
def szt() -> Task:
    """The SZT task with the usual four fifths for training."""
    data = datasets.load("szt")
    order = np.random.default_rng(0).permutation(len(data.labels))
    return Task(data.inputs, data.labels, order[:3277], order[3277:])


@pytest.fixture(scope="session")
def small() -> Task:
    """300 samples of 9 real features in 3 classes; batches of 64 leave a remainder."""
    generator = np.random.default_rng(1)
    inputs = generator.standard_normal((300, 9)).astype(np.float32)
    labels = np.digitize(inputs[:, 0] * inputs[:, 1] + inputs[:, 2], [-0.5, 0.5]).astype(np.int64)
    return Task(inputs, labels, np.arange(0, 210), np.arange(210, 300))


@pytest.fixture(autouse=True)
def same_threads_afterwards() -> Iterator[None]:
    """No test leaves torch with another number of threads than it found."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
