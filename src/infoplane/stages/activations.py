"""Stage `activations`: weights -> a recording, the activity of every layer for every sample, and its tables."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from infoplane import datasets
from infoplane.activation_functions import ACTIVATION_FUNCTIONS
from infoplane.activity import recording
from infoplane.activity.forward import layer_activities
from infoplane.errors import InfoplaneError
from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.runtime.progress import Progress
from infoplane.settings import RunSettings
from infoplane.stages.common import Device, check_settings, load_dataset, resolve_device
from infoplane.stages.recorded import write_tables

__all__ = ["activations"]


def activations(
    weights: Path, settings: RunSettings, output: Path, layers: Path, metrics: Path, device: Device = "auto"
) -> None:
    """Record the activity of every layer for every sample to `output`, and write its tables as `recorded` does."""
    dataset = load_dataset(settings)
    device = resolve_device(device)
    with storage.open_weights(weights) as source:
        made_with = storage.read_provenance(source)
        check_settings(made_with, settings, weights)
        sizes = (dataset.inputs.shape[1], *settings.hidden_layers, dataset.classes)
        shapes = [source[f"parameters/{layer}/weights"].shape[2:] for layer in storage.layers(source["parameters"])]
        if shapes != [(units, inputs) for inputs, units in itertools.pairwise(sizes)]:
            raise InfoplaneError(
                f"{weights}: the weight matrices have the shapes {shapes}; the network has {sizes} units"
            )
        parameters = {
            f"{layer}/{name}": values[:]
            for layer, group in source["parameters"].items()
            for name, values in group.items()
        }
        arrays: dict[str, Any] = {name: source[name][:] for name in ("seeds", "epochs", "diverged_epoch")}
        arrays["metrics"] = {name: values[:] for name, values in source["history"].items()}
        arrays["layer_statistics"] = {name: values[:] for name, values in source["layer_statistics"].items()}
    part = np.full(len(dataset.labels), recording.TRAINING)
    part[datasets.split(dataset, settings.split)[1]] = recording.TEST
    samples = recording.Samples(dataset.labels, dataset.input_ids, dataset.inputs, part)
    said = {**made_with, **provenance(), "device": device, "description": described(settings)}
    with (
        recording.create_recording(output, said, samples=samples, layers=recorded_layers(settings), **arrays) as writer,
        Progress(f"activations {made_with['run']}", len(arrays["epochs"]), "recorded epochs") as progress,
    ):
        for step in range(len(arrays["epochs"])):
            at_epoch = {name: values[:, step] for name, values in parameters.items()}
            for layer, activity in enumerate(layer_activities(settings, at_epoch, dataset.inputs, device)):
                writer.add(layer, step, activity)
            progress.step()
    with recording.open_recording(output) as made:
        write_tables(made, made_with["run"], layers, metrics)


def described(settings: RunSettings) -> dict[str, Any]:
    """What tables say of a run beside its name; the names are those of `recording.descriptions`."""
    return {
        "dataset": settings.dataset,
        "activation": settings.activation,
        "hidden_layers": "-".join(map(str, settings.hidden_layers)),
        "l2": settings.l2,
        "weight_decay": settings.weight_decay,
        "learning_rate": settings.learning_rate,
        "batch_size": settings.batch_size or -1,
        "epochs": settings.epochs,
    }


def recorded_layers(settings: RunSettings) -> list[recording.RecordedLayer]:
    """What is known of each layer of our own networks."""
    hidden = [ACTIVATION_FUNCTIONS[name] for name in settings.activations]
    layers = [
        recording.RecordedLayer(f"{function.name}_{number}", function.lower_bound, function.function_range)
        for number, function in enumerate(hidden, start=1)
    ]
    # The output takes the lower bound of the last hidden layer, as in the code published with the paper.
    return [*layers, recording.RecordedLayer("softmax", hidden[-1].lower_bound, (0.0, 1.0))]
