"""Training speed at the paper's size: 3277 samples, 12-10-7-5-4-3-2 with tanh, batches of 512, Adam, one thread.

Run with `pytest -n 0 tests/benchmarks/bench_training.py --benchmark-json=FILE`. Each row's `extra_info` has
milliseconds per network and epoch and, for blocks, the peak memory of a process that trains such a block. Divide the
loop's milliseconds by a block's for the gain over one nn.Sequential per seed. The clock counts processor time, so that
other work on the machine disturbs less.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from infoplane import datasets
from infoplane.settings import Initialisation, RecordedEpochs, RunSettings, Split
from infoplane.training import train_block

SIZES = (12, 10, 7, 5, 4, 3, 2)


def paper_settings(epochs: int, activation: str = "tanh") -> RunSettings:
    """The paper's training, recorded only at its ends: what is measured is training."""
    return RunSettings(
        dataset="szt",
        dataset_options=(),
        split=Split(fraction=0.8, seed=0, order="shuffled", stratified=False),
        hidden_layers=SIZES[1:-1],
        activations=(activation,) * 5,
        batch_normalisation=False,
        dropout=0.0,
        initialisation=Initialisation("truncated_normal", None),
        optimiser="adam",
        learning_rate=4e-4,
        momentum=0.0,
        batch_size=512,
        l2=0.0,
        weight_decay=0.0,
        penalised_layers=(),
        epochs=epochs,
        recorded_epochs=RecordedEpochs("list"),
        record_gradients=False,
        study_seed=0,
    )


def task():
    """Inputs, labels, training and test indices."""
    data = datasets.load("szt")
    order = np.random.default_rng(0).permutation(len(data.labels))
    return data.inputs, data.labels, order[:3277], order[3277:]


def train(seeds: int, epochs: int, activation: str = "tanh") -> None:
    """Trains one block."""
    train_block(paper_settings(epochs, activation), range(seeds), *task())


def train_one_by_one(seeds: int, epochs: int) -> None:
    """The baseline: one nn.Sequential per seed, autograd, torch.optim.Adam."""
    inputs, labels, chosen, _ = task()
    x, y = torch.from_numpy(inputs[chosen]), torch.from_numpy(labels[chosen])
    for seed in range(seeds):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for below, units in itertools.pairwise(SIZES[:-1]):
            layers += [nn.Linear(below, units), nn.Tanh()]
        network = nn.Sequential(*layers, nn.Linear(SIZES[-2], SIZES[-1]))
        optimiser = torch.optim.Adam(network.parameters(), lr=4e-4)
        for _ in range(epochs):
            for batch in torch.randperm(len(y)).split(512):
                optimiser.zero_grad()
                nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
                optimiser.step()


def peak_memory_in_mebibytes(seeds: int) -> float:
    """Of a fresh process, the interpreter and torch included; with 0 seeds, of these alone."""
    code = (
        "import sys, re, pathlib, torch; sys.path.insert(0, sys.argv[1]); torch.set_num_threads(1)\n"
        "import bench_training\n"
        "if int(sys.argv[2]): bench_training.train(int(sys.argv[2]), 2)\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', pathlib.Path('/proc/self/status').read_text())[1])"
    )
    arguments = [sys.executable, "-c", code, __file__.rpartition("/")[0], str(seeds)]
    return int(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout) / 1024


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def measure(benchmark, function, seeds: int, epochs: int, *arguments: str) -> None:
    benchmark.pedantic(function, (seeds, epochs, *arguments), rounds=5, warmup_rounds=1)
    benchmark.extra_info["ms_per_network_epoch"] = round(benchmark.stats["min"] / seeds / epochs * 1000, 3)


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("seeds", [1, 10, 50, 200])
def test_block(benchmark, seeds):
    measure(benchmark, train, seeds, {1: 400, 10: 200, 50: 100, 200: 25}[seeds])
    benchmark.extra_info["peak_memory_mib"] = round(peak_memory_in_mebibytes(seeds))
    benchmark.extra_info["memory_without_training_mib"] = round(peak_memory_in_mebibytes(0))


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("activation", ["relu", "prelu", "softplus", "elu"])
def test_other_activation_functions(benchmark, activation):
    measure(benchmark, train, 50, 60, activation)


@pytest.mark.benchmark(timer=time.process_time)
def test_one_network_at_a_time(benchmark):
    measure(benchmark, train_one_by_one, 2, 20)
