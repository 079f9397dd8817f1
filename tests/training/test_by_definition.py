"""Numbers that define training: constants of optimisers and normalisation, streams, first weights, checkpoints."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from infoplane.settings import Initialisation
from infoplane.training import block, train_block
from infoplane.training.checkpoints import read_checkpoint, remove_checkpoint, write_checkpoint
from infoplane.training.initialisation import DROPOUT, INITIAL_WEIGHTS, SAMPLE_ORDER, initial_parameters, stream
from infoplane.training.optimisers import make_optimiser

from .reference import Reference
from .test_network import SEEDS, make


def numpys(*key):
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


@pytest.mark.parametrize(("name", "number"), [(INITIAL_WEIGHTS, 0), (SAMPLE_ORDER, 1), (DROPOUT, 2)])
def test_streams_are_numbered(name, number):
    assert stream(7, 3, name).random(5).tolist() == numpys(7, 3, number).random(5).tolist()


@pytest.mark.parametrize("scale", [None, 1.5])
@pytest.mark.parametrize("scheme", ["truncated_normal", "glorot", "he", "orthogonal"])
def test_first_weights_are_those_of_the_stream(make_settings, scheme, scale):
    """Layer after layer from one stream; what a layer is drawn from is what its scheme says."""
    settings = make_settings(
        hidden_layers=(4, 6), activations=("tanh", "relu"), initialisation=Initialisation(scheme, scale), study_seed=5
    )
    found = initial_parameters(settings, 8, (9, 4, 6, 2))
    random = numpys(5, 8, 0)
    # What the activation functions ask for: 1 of tanh, 2 of ReLU; the output's is that of the last hidden layer.
    for layer, (inputs, units, gain) in enumerate(((9, 4, 1), (4, 6, 2), (6, 2, 2)), start=1):
        factor = 1.0 if scale is None else scale
        if scheme == "truncated_normal":
            expected = random.standard_normal((units, inputs))
            while (np.abs(expected) > 2).any():
                outside = np.abs(expected) > 2
                expected[outside] = random.standard_normal(outside.sum())
            expected *= (gain if scale is None else scale) / math.sqrt(inputs)
        elif scheme == "glorot":
            expected = random.uniform(-1, 1, (units, inputs)) * factor * math.sqrt(6 / (inputs + units))
        elif scheme == "he":
            expected = random.standard_normal((units, inputs)) * factor * math.sqrt(2 / inputs)
        else:
            drawn = random.standard_normal((max(units, inputs), min(units, inputs)))
            # Gram and Schmidt, column by column, keep the sign of the diagonal.
            columns = []
            for column in drawn.T:
                for other in columns:
                    column = column - (column @ other) * other
                columns.append(column / np.linalg.norm(column))
            expected = factor * (np.array(columns) if units < inputs else np.array(columns).T)
        np.testing.assert_allclose(found[f"layer{layer}/weights"], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("size", [1.0, 1e-4, 1e-8])
@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": "adam"},
        {"optimiser": "adam", "l2": 0.1, "weight_decay": 0.5},
        {"optimiser": "sgd", "momentum": 0.0},
        {"optimiser": "sgd", "momentum": 0.9, "l2": 0.1},
    ],
    ids=str,
)
def test_steps_are_torchs_whatever_the_size_of_gradients(make_settings, changes, size):
    """Small gradients show what is added to their root, and steps one after the other the corrections of bias."""
    settings = make_settings(learning_rate=0.01, **changes)
    random = torch.Generator().manual_seed(1)
    start = torch.randn(64, generator=random) * size
    penalised = (torch.arange(64) < 32).float()
    ours, theirs = start.clone(), torch.nn.ParameterList([start[:32].clone(), start[32:].clone()])
    if settings.optimiser == "adam":
        groups = [
            {"params": [theirs[0]], "weight_decay": settings.weight_decay},
            {"params": [theirs[1]], "weight_decay": 0.0},
        ]
        reference = torch.optim.AdamW(groups, lr=0.01)
    else:
        reference = torch.optim.SGD(theirs, lr=0.01, momentum=settings.momentum)
    optimiser = make_optimiser(settings, ours, penalised)
    # Two epochs of four steps.
    for done in (0, 4):
        for sizes in torch.from_numpy(optimiser.coefficients(done, 4)):
            gradient = torch.randn(64, generator=random) * size
            theirs[0].grad, theirs[1].grad = gradient[:32] + settings.l2 * theirs[0].detach(), gradient[32:].clone()
            optimiser.step(ours, gradient.clone(), sizes[0], sizes[1])
            reference.step()
    moved = torch.cat([part.detach() for part in theirs]) - start
    torch.testing.assert_close(ours - start, moved, rtol=1e-3, atol=1e-4 * float(moved.abs().max()))
    assert moved.abs().max() > 0


@pytest.mark.parametrize("training", [True, False])
def test_units_that_hardly_vary_are_normalised_as_torch_does(make_settings, small, training):
    """Where the variance is about what is added to it, 1e-5."""
    settings = make_settings(batch_normalisation=True, hidden_layers=(6,), activations=("linear",))
    few = replace(small, inputs=small.inputs * np.float32(2e-3))
    network, parameters, workspace, order = make(settings, few, 100)
    if not training:
        parameters["layer1/running_variance"] *= np.float32(1e-5)
        network.load(parameters)
    logits = network.forward(workspace, training=training)
    for seed in range(SEEDS):
        reference = Reference(settings, {name: values[seed] for name, values in parameters.items()}).train(training)
        expected = reference(torch.from_numpy(few.inputs[order[seed]]))[-1].detach()
        torch.testing.assert_close(logits[seed, :, :100].T, expected, rtol=1e-3, atol=1e-3)
        # Between samples the logits differ by more than by what is compared.
        assert expected.std(0).max() > 0.1


def test_a_checkpoint_is_written_every_minute(make_settings, small, tmp_path, monkeypatch):
    clock, written = [0.0], []

    def write(path, text, arrays):
        written.append((int(arrays["epoch"]), arrays["record/history/train_loss"].shape[1]))
        write_checkpoint(path, text, arrays)

    monkeypatch.setattr(block.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(block, "write_checkpoint", write)

    def on_progress(epoch, epochs):
        clock[0] = 20.0 * epoch

    path = tmp_path / "not/there/yet/state"
    settings = make_settings(epochs=10)
    train_block(settings, [0], *small, checkpoint=path, on_progress=on_progress)
    # The clock says 20 less than the epoch's own, and a minute is over after three; the last epoch needs none.
    assert written == [(4, 1), (7, 1)]
    assert list(path.parent.iterdir()) == []
    for seconds, epochs in ((61.0, [5, 9]), (120.0, [7]), (0.0, list(range(10)))):
        clock[0], written[:] = 0.0, []
        train_block(settings, [0], *small, checkpoint=path, checkpoint_seconds=seconds, on_progress=on_progress)
        assert [epoch for epoch, _ in written] == epochs


def test_a_checkpoint_is_read_for_its_own_identity_only(tmp_path):
    path = tmp_path / "a/state"
    remove_checkpoint(path)  # there is none, and that is no fault
    assert read_checkpoint(path, "mine") is None
    arrays = {"x": np.arange(5), "y": np.array(["a", "b"])}
    write_checkpoint(path, "mine", arrays)
    write_checkpoint(path, "mine", {**arrays, "x": np.arange(3)})
    found = read_checkpoint(path, "mine")
    assert {name: values.tolist() for name, values in found.items()} == {"x": [0, 1, 2], "y": ["a", "b"]}
    assert read_checkpoint(path, "others") is None
    assert [left.name for left in path.parent.iterdir()] == ["state"]
    remove_checkpoint(path)
    assert list(path.parent.iterdir()) == []
