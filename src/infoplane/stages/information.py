"""Stage `information`: a recording -> I(T;X) and I(T;Y) per seed, recorded epoch and layer, for one estimator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from infoplane.activity.recording import Extremes, Recording, open_recording, part_indices
from infoplane.datasets.interface import entropy
from infoplane.errors import InfoplaneError
from infoplane.estimators import METHODS
from infoplane.estimators.interface import Layer
from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.runtime.progress import Progress
from infoplane.settings import EstimatorSettings
from infoplane.stages.common import Device, resolve_device, run_axes, run_of, tidy

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["information"]

# bound -> column -> values (seed, epoch, layer)
Values = dict[str, dict[str, "NDArray[np.float64]"]]


def information(
    recording: Path,
    name: str,
    estimator: EstimatorSettings,
    output: Path,
    parts: Sequence[str] = ("all",),
    run: str | None = None,
    device: Device = "auto",
) -> None:
    """Estimate I(T;X) and I(T;Y) for every seed, recorded epoch and layer of a recording, over each of its `parts`.

    A part is "all", "training" or "test": X is then uniform over the inputs of that part, and `h_x` and `h_y` are its
    entropies. The extremes that bins and noise may follow are those of all samples, so that the parts are binned alike.
    Raises InfoplaneError if the recording says that it is of another run, or if it does not say which part a sample is
    of where that is needed.
    """
    device = resolve_device(device)
    with open_recording(recording) as opened:
        run = run_of(opened, run)
        extremes = opened.extremes()
        table = pd.concat(
            [_of_part(opened, run, name, estimator, part, extremes, device) for part in parts], ignore_index=True
        )
        made_with = {"settings": None, **opened.made_with, **provenance(), "run": run}
    made_with |= {"estimator": name, "estimator_settings": estimator.to_json()}
    storage.write_table(table, output, made_with)


def _of_part(
    recording: Recording,
    run: str,
    name: str,
    estimator: EstimatorSettings,
    part: str,
    extremes: Extremes,
    device: str,
) -> pd.DataFrame:
    samples = part_indices(recording, part)
    labels, ids = recording.samples.labels, recording.samples.input_ids
    if samples is not None:
        labels, ids = labels[samples], None if ids is None else ids[samples]
    results: Values = {}
    shape = extremes.minimum.shape
    with Progress(f"information {run} {name}", shape[0] * shape[2], "layers") as progress:
        for s, index in np.ndindex(shape[0], shape[2]):
            # A diverged network has no activity to speak of from that epoch on.
            usable = recording.usable(s)
            if not usable:
                continue
            layer = layer_of(recording, index, extremes.minimum[s, :usable], extremes.maximum[s, :usable])
            try:
                for epochs, slab in recording.slabs(index, s, usable):
                    activity = slab if samples is None else slab[:, samples]
                    for found in METHODS[estimator.method].estimate(
                        activity, labels, ids, layer, estimator.settings, device
                    ):
                        shuffled = np.nan if found.i_ty_shuffled is None else found.i_ty_shuffled
                        estimated: dict[str, Any] = {**found.information._asdict(), "i_ty_shuffled": shuffled}
                        for column, values in estimated.items():
                            of_bound = results.setdefault(found.bound, {})
                            of_bound.setdefault(column, np.full(shape, np.nan))[s, epochs, index] = values
            except InfoplaneError as error:
                raise InfoplaneError(
                    f"{recording.path}: seed {recording.seeds[s]}, layer {layer.index}: {error}"
                ) from error
            progress.step()
    # As with the estimates, nothing is said of a network that has diverged.
    usable_epochs = np.arange(shape[1]) < np.array([recording.usable(s) for s in range(shape[0])])[:, None]
    varying = np.where(usable_epochs[..., None], extremes.varying_units, np.nan)
    labelled = {"n_layers": shape[2], "estimator": name, "method": estimator.method}
    assumption = METHODS[estimator.method].describe(estimator.settings)
    counts = np.ones(len(labels), np.int64) if ids is None else np.unique(ids, return_counts=True)[1]
    described = {
        "assumption": assumption,
        "part": part,
        "h_x": entropy(counts),
        "h_y": entropy(np.unique(labels, return_counts=True)[1]),
    }
    return pd.concat(
        [
            tidy(
                recording,
                run,
                run_axes(recording, layers=shape[2]),
                {**labelled, "bound": bound, **described, **columns, "varying_units": varying},
            )
            for bound, columns in results.items()
        ],
        ignore_index=True,
    )


def layer_of(recording: Recording, index: int, minimum: NDArray[Any], maximum: NDArray[Any]) -> Layer:
    """What an estimator may know of layer `index`, from 0, given the extremes (epoch, layer) of its network."""
    return Layer(
        index=index + 1,
        lower_bound=recording.layers[index].lower_bound,
        function_range=recording.layers[index].function_range,
        minimum=float(minimum[:, index].min()),
        maximum=float(maximum[:, index].max()),
        network_minimum=float(minimum.min()),
        network_maximum=float(maximum.max()),
    )
