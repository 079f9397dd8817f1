from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import sklearn.datasets
import torch
from torch import nn

from infoplane import datasets
from infoplane.activation_functions import ACTIVATION_FUNCTIONS
from infoplane.activity.forward import layer_activities
from infoplane.datasets import Dataset
from infoplane.errors import InfoplaneError
from infoplane.settings import Initialisation, RecordedEpochs, Split
from infoplane.training import block, train_block
from infoplane.training.initialisation import DROPOUT, SAMPLE_ORDER, initial_parameters, stream

from .reference import Reference


def assert_same(record, other, rows=slice(None)):
    """Equal bits in everything, `other` being the rows of `record` that belong to its seeds."""
    assert np.array_equal(record.epochs, other.epochs)
    assert np.array_equal(record.diverged_epoch[rows], other.diverged_epoch)
    for kind in ("parameters", "history", "layer_statistics"):
        ours, theirs = getattr(record, kind), getattr(other, kind)
        assert set(ours) == set(theirs)
        for name, values in ours.items():
            assert np.array_equal(values[rows], theirs[name], equal_nan=True), name


def train_reference(settings, task, seed):
    """One seed with torch's modules, autograd and optimisers, and the documented random streams."""
    inputs, labels, train, _ = task
    classes = int(labels.max()) + 1
    parameters = initial_parameters(settings, seed, (inputs.shape[1], *settings.hidden_layers, classes))
    network_parameters = dict(parameters)
    if settings.batch_normalisation:
        for layer, units in enumerate(settings.hidden_layers, start=1):
            network_parameters[f"layer{layer}/running_mean"] = np.zeros(units)
            network_parameters[f"layer{layer}/running_variance"] = np.ones(units)
    network = Reference(settings, network_parameters).train()
    decayed = network.weights(settings.penalised_layers)
    others = [p for p in network.parameters() if not any(p is one for one in decayed)]
    if settings.optimiser == "adam":
        groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
        optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate)
    else:
        optimiser = torch.optim.SGD(network.parameters(), lr=settings.learning_rate, momentum=settings.momentum)
    order_stream, dropout_stream = (stream(settings.study_seed, seed, number) for number in (SAMPLE_ORDER, DROPOUT))
    batch = settings.batch_size or len(train)
    starts = list(range(0, len(train), batch))
    # Up to half a mini-batch that is left over belongs to the one before, where running statistics are kept.
    if settings.batch_normalisation and len(starts) > 1 and len(train) - starts[-1] <= batch / 2:
        del starts[-1]
    gradients = []
    for _ in range(settings.epochs):
        order = order_stream.permutation(len(train)) if batch < len(train) else np.arange(len(train))
        gradients = []
        for start, stop in itertools.pairwise([*starts, len(train)]):
            chosen = train[order[start:stop]]
            for dropout, units in zip(network.dropouts, settings.hidden_layers, strict=False):
                kept = dropout_stream.random((units, len(chosen)), dtype=np.float32) < 1 - settings.dropout
                dropout.mask = torch.from_numpy(kept.T / np.float32(1 - settings.dropout))
            optimiser.zero_grad()
            logits = network(torch.from_numpy(inputs[chosen]))[-1]
            loss = nn.functional.cross_entropy(logits, torch.from_numpy(labels[chosen]))
            loss.backward(retain_graph=True)
            gradients.append([w.grad.numpy().copy() for w in network.weights(tuple(range(1, len(network.layers) + 1)))])
            (settings.l2 * sum((0.5 * w.square().sum() for w in decayed), torch.zeros(()))).backward()
            if settings.optimiser == "sgd" and settings.weight_decay:
                with torch.no_grad():
                    for weights in decayed:
                        weights.mul_(1 - settings.learning_rate * settings.weight_decay)
            optimiser.step()
    return network, gradients


VARIANTS = {
    "adam": {},
    "sgd": {"optimiser": "sgd", "learning_rate": 0.05, "momentum": 0.0},
    "momentum": {"optimiser": "sgd", "learning_rate": 0.02, "momentum": 0.9},
    "l2 on hidden layers": {"l2": 0.02},
    "l2 on one layer, sgd": {"l2": 0.1, "penalised_layers": (2,), "optimiser": "sgd", "learning_rate": 0.05},
    "weight decay on all layers": {"weight_decay": 5.0, "penalised_layers": (1, 2, 3)},
    "weight decay, sgd": {"weight_decay": 1.0, "optimiser": "sgd", "learning_rate": 0.05},
    "both penalties": {"weight_decay": 1.0, "l2": 0.02},
    "full batch": {"batch_size": None, "epochs": 12},
    "batch larger than the data": {"batch_size": 1000, "epochs": 12},
    "prelu": {"activation": "prelu"},
    # Not Adam: before batch normalisation the gradient of a bias is nothing but rounding, which Adam enlarges.
    "batch normalisation": {"batch_normalisation": True, "optimiser": "sgd", "learning_rate": 0.05},
    "dropout": {"dropout": 0.25},
}


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_training_is_that_of_torch_optimisers(variant, make_settings, small):
    changes = {"hidden_layers": (6, 5), "penalised_layers": (1, 2), "learning_rate": 3e-3, "batch_size": 64}
    settings = make_settings(**{**changes, "record_gradients": True, **VARIANTS[variant]})
    record = train_block(settings, [4, 11], *small)
    for row, seed in enumerate([4, 11]):
        network, gradients = train_reference(settings, small, seed)
        for name, expected in network.parameters_by_name.items():
            np.testing.assert_allclose(
                record.parameters[name][row, -1], expected.detach().numpy(), rtol=1e-3, atol=3e-5, err_msg=name
            )
        for layer in range(3):
            of_layer = np.array([step[layer] for step in gradients], dtype=np.float64)
            for name, array in (("mean", of_layer.mean(0)), ("sd", of_layer.std(0))):
                measured = record.layer_statistics[f"gradient_{name}_norm"][row, -1, layer]
                assert measured == pytest.approx(np.linalg.norm(array), rel=2e-3, abs=1e-6)
            norm = np.linalg.norm(record.parameters[f"layer{layer + 1}/weights"][row, -1].astype(np.float64))
            assert record.layer_statistics["weight_norm"][row, -1, layer] == pytest.approx(norm)


@pytest.mark.parametrize(
    ("batch_size", "normalised", "expected"),
    [
        (60, True, [60, 61]),
        (60, False, [60, 60, 1]),
        (61, True, [61, 60]),
        (80, True, [80, 41]),  # more than half of a mini-batch stays one
        (81, True, [121]),
        (40, True, [40, 40, 41]),
        (2, True, [2] * 59 + [3]),  # half of a mini-batch is joined
        (121, True, [121]),
        (500, True, [121]),
        (None, True, [121]),
    ],
)
def test_what_is_left_over_is_joined_where_running_statistics_are_kept(batch_size, normalised, expected, make_settings):
    assert make_settings(batch_size=batch_size, batch_normalisation=normalised).batches(121) == expected


@pytest.fixture(scope="module")
def iris():
    """Iris with its first row repeated: 151 samples, of which 121 are trained on."""
    inputs, labels = sklearn.datasets.load_iris(return_X_y=True)
    data = Dataset("iris", np.concatenate([inputs, inputs[:1]]), np.concatenate([labels, labels[:1]]))
    return data.inputs, data.labels, *datasets.split(data, Split(0.8, 0, "shuffled", False))


@pytest.mark.parametrize("batch_size", [20, 24, 40, 60])
def test_one_sample_left_over_does_not_distort_normalised_networks(batch_size, make_settings, iris):
    # Mini-batches of one sample more leave no single sample over. With running statistics of one sample the loss of
    # the recorded networks was 0.92 for mini-batches of 60 and 0.06 for those of 61.
    losses = []
    for size in (batch_size, batch_size + 1):
        settings = make_settings(
            hidden_layers=(5, 3), activation="relu", learning_rate=0.01, epochs=200, batch_size=size,
            batch_normalisation=True, penalised_layers=(1, 2), study_seed=0,
        )  # fmt: skip
        record = train_block(settings, range(5), *iris)
        losses.append(record.history["train_loss"][:, -1].mean())
    print(losses)
    assert max(losses) < 0.15


def test_training_changes_the_weights_enough_for_the_comparison_above(make_settings, small):
    settings = make_settings(hidden_layers=(6, 5), penalised_layers=(1, 2), learning_rate=3e-3, batch_size=64)
    weights = train_block(settings, [4], *small).parameters["layer1/weights"][0]
    assert np.abs(weights[-1] - weights[0]).mean() > 0.01


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_seed_is_the_same_bits_in_any_block_with_any_threads(activation, make_settings, szt):
    # 200 epochs on a third of the samples; batches of 300 leave a remainder and are no multiple of a vector.
    settings = make_settings(
        activation=activation, epochs=200, batch_size=300, recorded_epochs=RecordedEpochs("list", None, (1, 20))
    )
    task = (szt.inputs, szt.labels, szt.train[:1100], szt.test)
    torch.set_num_threads(2)
    fifty = train_block(settings, range(50), *task)
    moved = np.abs(fifty.parameters["layer1/weights"][:, -1] - fifty.parameters["layer1/weights"][:, 0]).max((1, 2))
    assert np.median(moved) > 0.01
    for threads, seeds in ((1, [7]), (2, [41, 7, 0]), (1, range(3, 13)), (2, range(40, 50)), (1, range(50))):
        torch.set_num_threads(threads)
        assert_same(fifty, train_block(settings, seeds, *task), list(seeds))
        assert torch.get_num_threads() == threads


@pytest.mark.parametrize("activation", list(ACTIVATION_FUNCTIONS))
def test_other_networks_are_the_same_bits_in_any_block(activation, make_settings, small):
    for changes in (
        {"hidden_layers": (7, 3, 1), "batch_size": None, "epochs": 15},
        {"hidden_layers": (5,), "dropout": 0.1, "batch_normalisation": True, "batch_size": 50, "l2": 0.01},
        {"hidden_layers": (70, 9), "optimiser": "sgd", "batch_size": 20},
    ):
        layers = tuple(range(1, len(changes["hidden_layers"]) + 1))
        settings = make_settings(activation=activation, penalised_layers=layers, record_gradients=True, **changes)
        block_of_twenty = train_block(settings, range(20), *small)
        for seeds in ([13], range(2, 7)):
            assert_same(block_of_twenty, train_block(settings, seeds, *small), list(seeds))


def test_random_streams_belong_to_the_study_and_the_seed(make_settings, small):
    settings = make_settings()
    first = train_block(settings, [0, 1], *small).parameters["layer1/weights"]
    assert not np.array_equal(first[0], first[1])
    other = train_block(dataclasses.replace(settings, study_seed=4), [0, 1], *small).parameters["layer1/weights"]
    assert not np.array_equal(first[:, 0], other[:, 0])
    # The activation function scales the initial weights and changes nothing else of them.
    relu = train_block(make_settings(activation="relu"), [0, 1], *small).parameters["layer1/weights"]
    np.testing.assert_allclose(relu[:, 0], 2 * first[:, 0], rtol=1e-6)


def test_recorded_epochs_and_history(make_settings, szt):
    settings = make_settings(epochs=6, recorded_epochs=RecordedEpochs("list", None, (1, 4)), learning_rate=0.01)
    record = train_block(settings, [2, 5, 9], *szt)
    assert record.epochs.tolist() == [0, 1, 4, 6]
    assert record.seeds.tolist() == [2, 5, 9]
    assert record.diverged_epoch.tolist() == [-1, -1, -1]
    assert record.parameters["layer2/weights"].shape == (3, 4, 7, 10)
    assert record.parameters["layer6/biases"].shape == (3, 4, 2)
    assert set(record.parameters) == {f"layer{n}/{kind}" for n in range(1, 7) for kind in ("weights", "biases")}
    for column, epoch in enumerate(record.epochs):
        if epoch:  # what is recorded after that many epochs is what training that long gives
            shorter = train_block(dataclasses.replace(settings, epochs=int(epoch)), [5], *szt)
            for name, values in shorter.parameters.items():
                assert np.array_equal(record.parameters[name][1, column], values[0, -1])
        at_epoch = {name: values[:, column] for name, values in record.parameters.items()}
        probability = layer_activities(settings, at_epoch, szt.inputs)[-1]
        for part, chosen in (("train", szt.train), ("test", szt.test)):
            of_label = probability[:, chosen, szt.labels[chosen]].astype(np.float64)
            np.testing.assert_allclose(record.history[f"{part}_loss"][:, column], -np.log(of_label).mean(1), rtol=1e-5)
            accuracy = (probability[:, chosen].argmax(2) == szt.labels[chosen]).mean(1)
            np.testing.assert_allclose(record.history[f"{part}_accuracy"][:, column], accuracy)
    assert (record.history["train_loss"][:, -1] < record.history["train_loss"][:, 0]).all()


def test_without_a_test_part_its_history_is_nan(make_settings, small):
    record = train_block(make_settings(), [0], small.inputs, small.labels, np.arange(300), [])
    assert np.isnan(record.history["test_loss"]).all()
    assert np.isfinite(record.history["train_loss"]).all()
    assert record.diverged_epoch.tolist() == [-1]


def test_gradient_statistics_only_where_asked_for(make_settings, small):
    assert set(train_block(make_settings(), [0], *small).layer_statistics) == {"weight_norm"}
    record = train_block(make_settings(record_gradients=True), [0], *small)
    means = record.layer_statistics["gradient_mean_norm"]
    assert means.shape == (1, 2, 6)
    assert np.isnan(means[:, 0]).all()
    assert (means[:, 1] > 0).all()


def test_a_seed_that_diverges_does_not_disturb_the_others(make_settings, small, monkeypatch):
    settings = make_settings(
        activation="relu", optimiser="sgd", learning_rate=0.02, epochs=8, recorded_epochs=RecordedEpochs("linear", 9)
    )
    undisturbed = train_block(settings, [0, 2], *small)

    def exploding(settings, seed, sizes):
        parameters = initial_parameters(settings, seed, sizes)
        if seed == 1:
            parameters = {name: values * np.float32(300) for name, values in parameters.items()}
        return parameters

    monkeypatch.setattr(block, "initial_parameters", exploding)
    record = train_block(settings, [0, 1, 2], *small)
    diverged = int(record.diverged_epoch[1])
    assert 1 <= diverged < 8
    assert record.diverged_epoch[[0, 2]].tolist() == [-1, -1]
    for values in (*record.parameters.values(), *record.history.values(), record.layer_statistics["weight_norm"]):
        assert np.isnan(values[1, diverged:]).all()
        assert np.isfinite(values[1, :diverged]).all()
    for name, values in undisturbed.parameters.items():
        assert np.array_equal(record.parameters[name][[0, 2]], values)
    # Without an evaluation in between it is found by the next epoch's first step.
    rarely = train_block(dataclasses.replace(settings, recorded_epochs=RecordedEpochs("list")), [0, 1, 2], *small)
    assert rarely.diverged_epoch.tolist() in ([-1, diverged, -1], [-1, diverged + 1, -1])


class InterruptedTrainingError(Exception):
    pass


def interrupt_at(last):
    def on_progress(epoch, epochs):
        if epoch == last:
            raise InterruptedTrainingError

    return on_progress


@pytest.mark.parametrize("seconds", [0.0, 0.02])
def test_an_interrupted_training_resumes_with_equal_bits(seconds, make_settings, small, tmp_path):
    settings = make_settings(
        activation="prelu",
        epochs=30,
        recorded_epochs=RecordedEpochs("log", 12),
        dropout=0.1,
        batch_normalisation=True,
        record_gradients=True,
        batch_size=64,
    )
    whole = train_block(settings, range(6), *small)
    path = tmp_path / "block.checkpoint"
    seed = time.time_ns() % 2**32
    print(f"seed {seed}")
    stops = sorted(np.random.default_rng(seed).choice(np.arange(2, 30), 3, replace=False).tolist())
    for stop, threads in zip(stops, (1, 2, 1), strict=True):
        torch.set_num_threads(threads)
        with pytest.raises(InterruptedTrainingError):
            train_block(
                settings,
                range(6),
                *small,
                checkpoint=path,
                checkpoint_seconds=seconds,
                on_progress=interrupt_at(stop),
            )
        assert path.exists() or seconds > 0
    done = []
    resumed = train_block(
        settings, range(6), *small, checkpoint=path, on_progress=lambda epoch, epochs: done.append((epoch, epochs))
    )
    assert_same(whole, resumed)
    if seconds == 0:
        assert done == [(epoch, 30) for epoch in range(stops[-1] + 1, 31)], "it must go on where it stopped"
    assert list(tmp_path.iterdir()) == []


def test_sgd_resumes_after_divergence(make_settings, small, tmp_path):
    settings = make_settings(activation="relu", optimiser="sgd", learning_rate=1e6, epochs=10)
    whole = train_block(settings, range(3), *small)
    assert (whole.diverged_epoch >= 0).any()
    path = tmp_path / "state"
    arguments = {"checkpoint": path, "checkpoint_seconds": 0}
    with pytest.raises(InterruptedTrainingError):
        train_block(settings, range(3), *small, **arguments, on_progress=interrupt_at(9))
    assert_same(whole, train_block(settings, range(3), *small, **arguments))


def leave_checkpoint(settings, task, path, seeds=range(2)):
    with pytest.raises(InterruptedTrainingError):
        train_block(
            settings, seeds, *task, checkpoint=path, checkpoint_seconds=0, on_progress=interrupt_at(settings.epochs - 1)
        )


def first_epoch(settings, task, path, seeds=range(2)):
    """The first epoch that a training with this checkpoint runs."""
    epochs = []
    train_block(settings, seeds, *task, checkpoint=path, on_progress=lambda epoch, _: epochs.append(epoch))
    return epochs[0]


def test_a_checkpoint_of_something_else_is_ignored(make_settings, small, tmp_path):
    settings = make_settings()
    path = tmp_path / "state"
    for other, seeds, task in (
        (dataclasses.replace(settings, learning_rate=1e-3), range(2), small),
        (settings, range(1, 3), small),
        (settings, range(2), dataclasses.replace(small, labels=1 - small.labels.clip(0, 1))),
    ):
        leave_checkpoint(other, task, path, seeds)
        assert first_epoch(settings, small, path) == 1
    leave_checkpoint(settings, small, path)
    assert first_epoch(settings, small, path) == settings.epochs


@pytest.mark.parametrize("damage", ["empty", "half", "byte", "text"])
def test_a_damaged_checkpoint_is_ignored_with_a_warning(damage, make_settings, small, tmp_path):
    settings = make_settings()
    path = tmp_path / "state"
    leave_checkpoint(settings, small, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    contents = {"empty": b"", "half": content[: len(content) // 2], "byte": bytes(content), "text": b"not a checkpoint"}
    path.write_bytes(contents[damage])
    with pytest.warns(UserWarning, match=r"state is damaged .* training starts anew"):
        assert first_epoch(settings, small, path) == 1


KILLED = """
import sys
from pathlib import Path
import numpy as np
from infoplane.settings import RunSettings
from infoplane.training import train_block
data = np.load(sys.argv[1])
train_block(RunSettings.from_json(sys.argv[2]), range(3), data["inputs"], data["labels"], data["train"], data["test"],
            checkpoint=Path(sys.argv[3]), checkpoint_seconds=0.05)
"""


def test_a_killed_process_loses_nothing_but_time(make_settings, small, tmp_path):
    settings = make_settings(epochs=4000, recorded_epochs=RecordedEpochs("log", 30))
    np.savez(tmp_path / "data.npz", inputs=small.inputs, labels=small.labels, train=small.train, test=small.test)
    path = tmp_path / "state"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "data.npz"), settings.to_json(), str(path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 60
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    seed = time.time_ns() % 2**32
    print(f"seed {seed}")
    time.sleep(np.random.default_rng(seed).uniform(0, 0.3))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it must have been killed, not finished"
    assert path.exists()
    (tmp_path / ".state.unfinished").write_bytes(b"what a kill in the middle of writing leaves")
    epochs = []
    resumed = train_block(
        settings, range(3), *small, checkpoint=path, on_progress=lambda epoch, _: epochs.append(epoch)
    )
    assert epochs[0] > 1
    assert [left.name for left in tmp_path.iterdir()] == ["data.npz"]
    assert_same(train_block(settings, range(3), *small), resumed)


def test_mistakes_are_told_in_a_sentence(make_settings, small):
    settings = make_settings()
    inputs, labels, train, test = small
    for arguments, message in (
        (([], inputs, labels, train, test), "seeds must be distinct numbers from 0, at least one; found"),
        (([1, 1], inputs, labels, train, test), "seeds must be distinct"),
        (([0], inputs, labels[:-1], train, test), r"labels \(samples,\); found \(300, 9\) and \(299,\)"),
        (([0], np.where(inputs > 2, np.nan, inputs), labels, train, test), "inputs must be finite"),
        (([0], inputs, labels - 1, train, test), "labels must be classes counted from 0; found -1"),
        (([0], inputs, labels, [], test), "the training part has no samples"),
    ):
        with pytest.raises(InfoplaneError, match=message):
            train_block(settings, *arguments)
    for changes, message in (
        ({"optimiser": "adma"}, "unknown optimiser 'adma'; allowed are adam and sgd"),
        ({"activations": ("tanh",) * 4}, "one activation function per hidden layer is needed; found 4 for 5 layers"),
        ({"activation": "reul"}, "unknown activation function 'reul'"),
        ({"batch_normalisation": True, "batch_size": 1}, "found are batch_size 1 and 210 training samples"),
        ({"initialisation": Initialisation("xavier", None)}, "unknown initialisation scheme 'xavier'; allowed are"),
    ):
        with pytest.raises(InfoplaneError, match=message):
            train_block(make_settings(**changes), [0], *small)
    with pytest.raises(InfoplaneError, match="found are batch_size full and 1 training samples"):
        train_block(make_settings(batch_normalisation=True, batch_size=None), [0], inputs, labels, train[:1], test)


@pytest.mark.parametrize("activation", list(ACTIVATION_FUNCTIONS))
def test_every_activation_function_learns_the_szt_task(activation, make_settings, szt):
    settings = make_settings(activation=activation, epochs=50, learning_rate=1e-2)
    accuracy = np.median(train_block(settings, range(5), *szt).history["train_accuracy"][:, -1])
    if activation == "linear":
        assert 0.8 < accuracy < 0.9, "no linear classifier solves the task"
    else:
        assert accuracy > 0.9


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("changes", [{}, {"activation": "prelu", "batch_normalisation": True, "dropout": 0.1}])
def test_on_a_gpu_runs_repeat_and_begin_as_on_the_cpu(changes, make_settings, small):
    settings = make_settings(
        epochs=12, batch_size=64, record_gradients=True, recorded_epochs=RecordedEpochs("list", None, (1, 6)), **changes
    )
    cpu = train_block(settings, range(5), *small)
    gpu, again = (train_block(settings, range(5), *small, device="cuda") for _ in range(2))
    assert_same(gpu, again)
    for name, values in cpu.parameters.items():
        assert np.array_equal(values[:, 0], gpu.parameters[name][:, 0])
        if not (settings.batch_normalisation and name.endswith("biases")):
            np.testing.assert_allclose(values[:, -1], gpu.parameters[name][:, -1], rtol=1e-2, atol=1e-3)
    at_end = {name: values[:, -1] for name, values in gpu.parameters.items()}
    for ours, theirs in zip(
        layer_activities(settings, at_end, small.inputs),
        layer_activities(settings, at_end, small.inputs, device="cuda"),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
