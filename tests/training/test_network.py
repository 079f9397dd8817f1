from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from infoplane import activation_functions
from infoplane.activation_functions import ACTIVATION_FUNCTIONS
from infoplane.activity.forward import layer_activities
from infoplane.training.layout import Layout
from infoplane.training.network import Network, SampleTable, Workspace

from .reference import Reference

SEEDS = 3
CPU = torch.device("cpu")


def random_parameters(network: Network, seed: int) -> dict[str, np.ndarray]:
    """Parameters of ordinary size, biases and running statistics included, so that nothing is zero by chance."""
    generator = np.random.default_rng(seed)
    parameters = {}
    for name, values in network.snapshot().items():
        scale = 1 / np.sqrt(values.shape[-1]) if name.endswith("weights") else 0.5
        parameters[name] = (generator.standard_normal(values.shape) * scale).astype(np.float32)
        if name.endswith(("running_variance", "scale")):
            parameters[name] = 0.5 + np.abs(parameters[name])
    return parameters


def make(settings, task, count):
    layout = Layout(settings, task.inputs.shape[1], int(task.labels.max()) + 1, SEEDS)
    network = Network(settings, layout, CPU)
    parameters = random_parameters(network, 0)
    network.load(parameters)
    table = SampleTable(task.inputs, task.labels, layout, CPU)
    workspace = Workspace(settings, layout, table, count, CPU, training=True)
    order = np.random.default_rng(5).integers(0, len(task.labels), (SEEDS, count))
    padded = np.zeros((SEEDS, workspace.width), dtype=np.int64)
    padded[:, :count] = order
    workspace.rows.copy_(table.rows[torch.from_numpy(padded)])
    return network, parameters, workspace, order


def compare_with_autograd(settings, task, count=100):
    """Logits and all gradients of the batched network against torch, per seed, for a batch with a remainder."""
    network, parameters, workspace, order = make(settings, task, count)
    masks = []
    if settings.dropout:
        for keep in workspace.keep:
            generator = torch.Generator().manual_seed(keep.shape[1])
            keep.copy_((torch.rand(keep.shape, generator=generator) < 0.7) / 0.7)
            masks.append(keep)
    logits = network.forward(workspace, training=True).clone()
    network.backward(workspace)
    gradients = network.layout.public(network.flat_gradient)
    for seed in range(SEEDS):
        reference = Reference(settings, {name: values[seed] for name, values in parameters.items()}).train()
        for dropout, mask in zip(reference.dropouts, masks, strict=True):
            dropout.mask = mask[seed, :, :count].T
        expected = reference(torch.from_numpy(task.inputs[order[seed]]))[-1]
        torch.testing.assert_close(logits[seed, :, :count].T, expected.detach(), rtol=1e-4, atol=1e-5)
        nn.functional.cross_entropy(expected, torch.from_numpy(task.labels[order[seed]])).backward()
        for name, gradient in gradients.items():
            wanted = reference.parameters_by_name[name].grad
            assert wanted is not None
            torch.testing.assert_close(
                gradient[seed], wanted, rtol=1e-3, atol=2e-6, msg=lambda text, n=name: f"{n}: {text}"
            )
        for name, running in network.running.items():
            torch.testing.assert_close(running[seed], reference.parameters_by_name[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("hidden_layers", [(70,), (5, 70, 6), (70, 66, 5), (64, 63, 65)])
def test_wide_layers_among_narrow_ones(hidden_layers, make_settings, small):
    changes = {"hidden_layers": hidden_layers, "activations": ("tanh",) * len(hidden_layers)}
    compare_with_autograd(make_settings(**changes), small)
    compare_with_autograd(make_settings(batch_normalisation=True, dropout=0.2, **changes), small)


def test_many_inputs(make_settings, small):
    for features in (62, 63, 64, 90):  # around what counts as narrow, with and without room for the labels
        inputs = np.random.default_rng(features).standard_normal((len(small.labels), features)).astype(np.float32)
        compare_with_autograd(make_settings(hidden_layers=(6,), activations=("relu",)), replace(small, inputs=inputs))


@pytest.mark.parametrize("name", list(ACTIVATION_FUNCTIONS))
def test_values_and_gradients_are_those_of_torch(name, make_settings, small):
    compare_with_autograd(make_settings(activation=name), small)


@pytest.mark.parametrize("name", ["tanh", "relu", "prelu"])
def test_batch_normalisation_and_dropout_are_those_of_torch(name, make_settings, small):
    compare_with_autograd(make_settings(activation=name, batch_normalisation=True), small)
    compare_with_autograd(make_settings(activation=name, dropout=0.3), small)
    compare_with_autograd(make_settings(activation=name, batch_normalisation=True, dropout=0.3), small)


def test_every_layer_may_have_its_own_activation_function(make_settings, small):
    compare_with_autograd(make_settings(hidden_layers=(6, 1, 20), activations=("prelu", "tanh", "gelu")), small)
    compare_with_autograd(make_settings(hidden_layers=(1,), activations=("softplus",)), small, count=64)
    compare_with_autograd(make_settings(hidden_layers=(8, 8), activations=("relu", "linear")), small, count=1)


def test_without_a_derivative_autograd_finds_it(make_settings, small, monkeypatch):
    table = {
        name: dataclasses.replace(entry, derivative=None, from_result=False)
        for name, entry in ACTIVATION_FUNCTIONS.items()
    }
    monkeypatch.setattr(activation_functions, "ACTIVATION_FUNCTIONS", table)
    compare_with_autograd(make_settings(hidden_layers=(6, 5, 4), activations=("prelu", "tanh", "gelu")), small)


@pytest.mark.parametrize("normalise", [False, True])
def test_layer_activities_are_those_of_torch_in_evaluation_mode(normalise, make_settings, szt):
    # 4096 samples are several widths; 40 seeds several shards.
    settings = make_settings(
        batch_normalisation=normalise, dropout=0.5, activations=("tanh", "relu", "prelu", "elu", "abs")
    )
    network = Network(settings, Layout(settings, 12, 2, 40), CPU)
    parameters = random_parameters(network, 2)
    activities = layer_activities(settings, parameters, szt.inputs)
    assert [activity.shape for activity in activities] == [(40, 4096, units) for units in (10, 7, 5, 4, 3, 2)]
    assert all(activity.dtype == np.float32 for activity in activities)
    for seed in (0, 39):
        reference = Reference(settings, {name: values[seed] for name, values in parameters.items()}).eval()
        with torch.no_grad():
            expected = reference(torch.from_numpy(szt.inputs.copy()))
        expected[-1] = expected[-1].softmax(1)
        for activity, wanted in zip(activities, expected, strict=True):
            np.testing.assert_allclose(activity[seed], wanted.numpy(), rtol=1e-4, atol=1e-5)
    alone = layer_activities(settings, {name: values[39:] for name, values in parameters.items()}, szt.inputs)
    for activity, one in zip(activities, alone, strict=True):
        assert np.array_equal(activity[39:], one)
