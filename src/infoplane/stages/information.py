"""Stage `information`: activity -> I(T;X) and I(T;Y) per seed, recorded epoch and layer, for one estimator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from infoplane.activation_functions import ACTIVATION_FUNCTIONS
from infoplane.errors import InfoplaneError
from infoplane.estimators import METHODS
from infoplane.estimators.interface import Layer
from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.runtime.progress import Progress
from infoplane.settings import EstimatorSettings, RunSettings
from infoplane.stages.common import Device, check_settings, load_dataset, resolve_device, tidy

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

    from infoplane.datasets import Dataset

__all__ = ["information"]

# Bytes of activity that are held at once.
_SLAB_BYTES = 64 * 2**20

# bound -> column -> values
Values = dict[str, dict[str, "NDArray[np.float64]"]]


def information(
    activations: Path,
    settings: RunSettings,
    name: str,
    estimator: EstimatorSettings,
    output: Path,
    device: Device = "auto",
) -> None:
    """Estimate I(T;X) and I(T;Y) for every seed, recorded epoch and layer of a dump."""
    dataset = load_dataset(settings)
    device = resolve_device(device)
    results: Values = {}
    with storage.open_checked(activations, "activations") as source:
        made_with = storage.read_provenance(source)
        check_settings(made_with, settings, activations)
        seeds, epochs, diverged = (source[key][:] for key in ("seeds", "epochs", "diverged_epoch"))
        names = storage.layers(source)
        minimum, maximum, varying = (
            np.stack([source[f"{layer}/{key}"][:] for layer in names], axis=-1)
            for key in ("minimum", "maximum", "varying_units")
        )
        with Progress(f"information {made_with['run']} {name}", len(seeds) * len(names), "layers") as progress:
            for s in range(len(seeds)):
                # A diverged network has no activity to speak of from that epoch on.
                usable = int(np.count_nonzero((epochs < diverged[s]) | (diverged[s] < 0)))
                for index, key in enumerate(names):
                    layer = layer_of(settings, index, minimum[s, :usable], maximum[s, :usable])
                    try:
                        found = _estimate(source[f"{key}/activity"], s, usable, dataset, layer, estimator, device)
                    except InfoplaneError as error:
                        raise InfoplaneError(f"{activations}: seed {seeds[s]}, layer {layer.index}: {error}") from error
                    for bound, columns in found.items():
                        for column, values in columns.items():
                            target = results.setdefault(bound, {}).setdefault(
                                column, np.full((len(seeds), len(epochs), len(names)), np.nan)
                            )
                            target[s, :usable, index] = values
                    progress.step()
    method = METHODS[estimator.method]
    axes = {"seed": seeds, "epoch": epochs, "layer": np.arange(1, len(names) + 1)}
    # As with the estimates, nothing is said of a network that has diverged.
    has_diverged = (diverged[:, None] >= 0) & (epochs >= diverged[:, None])
    varying = np.where(has_diverged[..., None], np.nan, varying)
    labels = {"n_layers": len(names), "estimator": name, "method": estimator.method}
    table = pd.concat(
        [
            tidy(
                made_with["run"],
                settings,
                axes,
                {
                    **labels,
                    "bound": bound,
                    "assumption": method.describe(estimator.settings),
                    **columns,
                    "varying_units": varying,
                },
            )
            for bound, columns in results.items()
        ],
        ignore_index=True,
    )
    table["h_x"], table["h_y"] = dataset.input_entropy, dataset.label_entropy
    made_with = {**made_with, **provenance(), "estimator": name, "estimator_settings": estimator.to_json()}
    storage.write_table(table, output, made_with)


def layer_of(settings: RunSettings, index: int, minimum: NDArray[np.float32], maximum: NDArray[np.float32]) -> Layer:
    """What an estimator may know of layer `index`, from 0, given the extremes (epoch, layer) of its network."""
    is_output = index == len(settings.activations)
    # The output takes the lower bound of the last hidden layer, as in the code published with the paper.
    function = ACTIVATION_FUNCTIONS[settings.activations[index - is_output]]
    return Layer(
        index=index + 1,
        lower_bound=function.lower_bound,
        function_range=(0.0, 1.0) if is_output else function.function_range,
        minimum=float(minimum[:, index].min()),
        maximum=float(maximum[:, index].max()),
        network_minimum=float(minimum.min()),
        network_maximum=float(maximum.max()),
    )


def _estimate(
    activity: h5py.Dataset,
    seed: int,
    epochs: int,
    dataset: Dataset,
    layer: Layer,
    estimator: EstimatorSettings,
    device: str,
) -> Values:
    """The values over the first `epochs` recorded epochs of one seed and layer, read in slabs."""
    estimate = METHODS[estimator.method].estimate
    at_once = max(1, _SLAB_BYTES // (activity.dtype.itemsize * activity.shape[2] * activity.shape[3]))
    parts: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
    for first in range(0, epochs, at_once):
        slab = activity[seed, first : min(first + at_once, epochs)]
        for found in estimate(slab, dataset.labels, dataset.input_ids, layer, estimator.settings, device):
            shuffled = np.full(len(slab), np.nan) if found.i_ty_shuffled is None else found.i_ty_shuffled
            columns = {"i_tx": found.information.i_tx, "i_ty": found.information.i_ty, "i_ty_shuffled": shuffled}
            for column, values in columns.items():
                parts.setdefault(found.bound, {}).setdefault(column, []).append(values)
    return {
        bound: {name: np.concatenate(values) for name, values in columns.items()} for bound, columns in parts.items()
    }
