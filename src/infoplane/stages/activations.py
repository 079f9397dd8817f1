"""Stage `activations`: weights -> the activity of every layer for every sample."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from infoplane.activity import layer_activities
from infoplane.errors import InfoplaneError
from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.runtime.progress import Progress
from infoplane.settings import RunSettings
from infoplane.stages.common import Device, check_settings, load_dataset, resolve_device, tidy

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["activations"]


def activations(weights: Path, settings: RunSettings, output: Path, layers: Path, device: Device = "auto") -> None:
    """Dump the activity of every layer for every sample to `output`, and write the table of layers to `layers`."""
    dataset = load_dataset(settings)
    device = resolve_device(device)
    with storage.open_checked(weights, "weights") as source:
        made_with = storage.read_provenance(source)
        check_settings(made_with, settings, weights)
        run = made_with["run"]
        seeds, epochs = source["seeds"][:], source["epochs"][:]
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
        statistics = {name: values[:] for name, values in source["layer_statistics"].items()}
        diverged = source["diverged_epoch"][:]
    samples, widths = len(dataset.labels), [*settings.hidden_layers, dataset.classes]
    with storage.create(output, "activations", {**made_with, **provenance(), "device": device}) as file:
        for name, values in (("seeds", seeds), ("epochs", epochs), ("diverged_epoch", diverged)):
            storage.write_array(file, name, values)
        dumps, minima, maxima, varying = [], [], [], []
        for index, units in enumerate(widths, start=1):
            shape = (len(seeds), len(epochs), samples, units)
            dumps.append(
                file.create_dataset(
                    f"layer{index}/activity", shape, np.float32, chunks=(1, 1, samples, units), fletcher32=True
                )
            )
            minima.append(np.empty(shape[:2], np.float32))
            maxima.append(np.empty(shape[:2], np.float32))
            varying.append(np.empty(shape[:2], np.float32))
        with Progress(f"activations {run}", len(epochs), "recorded epochs") as progress:
            for step in range(len(epochs)):
                at_epoch = {name: values[:, step] for name, values in parameters.items()}
                for layer, activity in enumerate(layer_activities(settings, at_epoch, dataset.inputs, device)):
                    dumps[layer][:, step] = activity
                    minima[layer][:, step] = activity.min(axis=(1, 2))
                    maxima[layer][:, step] = activity.max(axis=(1, 2))
                    varying[layer][:, step] = varying_units(activity)
                progress.step()
        for index in range(len(widths)):
            storage.write_array(file, f"layer{index + 1}/minimum", minima[index])
            storage.write_array(file, f"layer{index + 1}/maximum", maxima[index])
            storage.write_array(file, f"layer{index + 1}/varying_units", varying[index])
    columns = {
        "activity_minimum": np.stack(minima, axis=-1),
        "activity_maximum": np.stack(maxima, axis=-1),
        "varying_units": np.stack(varying, axis=-1),
        **{
            name: statistics.get(name, np.full((len(seeds), len(epochs), len(widths)), np.nan))
            for name in ("weight_norm", "gradient_mean_norm", "gradient_sd_norm")
        },
    }
    axes = {"seed": seeds, "epoch": epochs, "layer": np.arange(1, len(widths) + 1)}
    storage.write_table(tidy(run, settings, axes, columns), layers, made_with)


def varying_units(activity: NDArray[np.float32]) -> NDArray[np.float32]:
    """How many units of (seeds, samples, units) do not have the same activity for all samples: (seeds,).

    NaN where an activity is not finite: a network that diverged says nothing.
    """
    smallest, largest = activity.min(axis=1), activity.max(axis=1)
    known = (np.isfinite(smallest) & np.isfinite(largest)).all(axis=-1)
    return np.where(known, np.count_nonzero(largest > smallest, axis=-1), np.nan).astype(np.float32)
