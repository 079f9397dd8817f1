"""The activity of every layer of recorded networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from infoplane.settings import RunSettings
from infoplane.training.layout import Layout
from infoplane.training.network import EVALUATION_WIDTH, Network, SampleTable, Workspace
from infoplane.training.threads import lanes, one_thread_each


def layer_activities(
    settings: RunSettings,
    parameters_of_one_epoch: Mapping[str, NDArray[np.float32]],
    inputs: NDArray[np.float32],
    device: str = "cpu",
) -> list[NDArray[np.float32]]:
    """What each layer of S networks gives for N samples, in evaluation mode.

    `parameters_of_one_epoch` has the names of TrainingRecord.parameters and the shapes (S, ...) without the epoch;
    S may as well count seeds and epochs together. `inputs` is (N, d). Returns one float32 array (S, N, units) per
    layer: hidden layers after their activation function (without dropout), last the softmax output. On the CPU a
    network's activity is the same bits whichever networks are computed with it. Uses as many threads as torch may.
    """
    where = torch.device(device)
    seeds, classes = parameters_of_one_epoch[f"layer{len(settings.hidden_layers) + 1}/biases"].shape

    def layout(count: int) -> Layout:
        return Layout(settings, inputs.shape[1], classes, count)

    table = SampleTable(inputs, np.zeros(len(inputs), dtype=np.int64), layout(1), where)
    sizes = (*settings.hidden_layers, classes)
    activities = [np.empty((seeds, len(inputs), units), dtype=np.float32) for units in sizes]

    width = min(EVALUATION_WIDTH[where.type], len(inputs))

    def compute_all(parts: list[slice]) -> None:
        with torch.no_grad():
            for part in parts:
                compute(part)

    def compute(part: slice) -> None:
        network = Network(settings, layout(part.stop - part.start), where)
        network.load({name: values[part] for name, values in parameters_of_one_epoch.items()})
        workspace = Workspace(settings, network.layout, table, width, where, training=False)
        for start, stop, logits in network.evaluate(table, workspace):
            layers = [activity[:, :, : stop - start] for activity in workspace.activity]
            layers.append(torch.softmax(logits, 1))
            for activity, layer in zip(activities, layers, strict=True):
                torch.from_numpy(activity[part, start:stop]).copy_(layer.transpose(1, 2))

    threads = min(torch.get_num_threads(), seeds) if where.type == "cpu" else 1
    with one_thread_each(threads) as run:
        run(compute_all, lanes(seeds, threads, where))
    return activities
