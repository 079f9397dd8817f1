"""Stage `information`: a recording -> I(T;X) and I(T;Y) per seed, recorded epoch and layer, for one estimator."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from infoplane.activity.recording import Extremes, Recording, open_recording, part_indices
from infoplane.datasets.interface import entropy
from infoplane.errors import InfoplaneError
from infoplane.estimators import METHODS
from infoplane.estimators.interface import Layer, estimate_columns, scan_estimates
from infoplane.files import storage
from infoplane.runtime.progress import Progress
from infoplane.settings import EstimatorSettings
from infoplane.stages.common import Device, provenance_of_run, resolve_device, run_axes, run_of, tidy

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["information", "scan"]

# bound -> column -> values (seed, epoch, layer)
Values = dict[str, dict[str, "NDArray[Any]"]]


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
    Settings of the estimator that are left out have their defaults.
    Raises InfoplaneError if the recording says that it is of another run, or if it does not say which part a sample is
    of where that is needed.
    """
    defaults = {key: schema["default"] for key, schema in METHODS[estimator.method].settings.items()}
    complete = replace(estimator, settings={**defaults, **estimator.settings})
    _write(recording, name, [({}, complete)], output, parts, run, device)


def scan(
    recording: Path,
    name: str,
    settings: Mapping[str, Any],
    output: Path,
    parts: Sequence[str] = ("all",),
    run: str | None = None,
    device: Device = "auto",
) -> None:
    """Estimate as `information` does, with several values of one setting of an estimator, in one pass.

    `settings` has the method, the key, its values, and under "settings" those of the estimator with each of them. The
    table has the columns varied, the key, and value, as JSON, besides those of `information`.
    """
    of_values = [
        (
            {"varied": settings["key"], "value": json.dumps(value)},
            EstimatorSettings(settings["method"], of_value, settings.get("at_epochs")),
        )
        for value, of_value in zip(settings["values"], settings["settings"], strict=True)
    ]
    _write(recording, name, of_values, output, parts, run, device)


def _write(
    path: Path,
    name: str,
    estimators: Sequence[tuple[Mapping[str, str], EstimatorSettings]],
    output: Path,
    parts: Sequence[str],
    run: str | None,
    device: Device,
) -> None:
    resolved = resolve_device(device)
    with open_recording(path) as recording:
        run = run_of(recording, run)
        extremes = recording.extremes()
        work = _Work(recording, run, name, extremes, resolved)
        table = pd.concat([work.of_part(part, estimators) for part in parts], ignore_index=True)
        settings = [estimator.to_json() for _, estimator in estimators]
        of_estimator = {"estimator": name, "estimator_settings": settings[0] if len(settings) == 1 else settings}
        made_with = provenance_of_run(recording, run, **of_estimator)
    storage.write_table(table, output, made_with)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is the same for every part of the samples."""

    recording: Recording
    run: str
    name: str
    extremes: Extremes
    device: str

    def of_part(self, part: str, estimators: Sequence[tuple[Mapping[str, str], EstimatorSettings]]) -> pd.DataFrame:
        """The table of information over a part: for each estimator, and each of its bounds, one after the other."""
        recording, extremes = self.recording, self.extremes
        samples = part_indices(recording, part)
        labels, ids = recording.samples.labels, recording.samples.input_ids
        method = METHODS[estimators[0][1].method]
        inputs = recording.inputs() if method.needs_inputs else None
        if samples is not None:
            labels, ids, inputs = labels[samples], _chosen(ids, samples), _chosen(inputs, samples)
        settings = [estimator.settings for _, estimator in estimators]
        results: list[Values] = [{} for _ in estimators]
        shape = extremes.minimum.shape
        chosen = chosen_epochs(shape[1], estimators[0][1].at_epochs)
        with Progress(f"information {self.run} {self.name}", shape[0] * shape[2], "layers") as progress:
            for s, index in np.ndindex(shape[0], shape[2]):
                # A diverged network has no activity to speak of from that epoch on.
                usable = recording.usable(s)
                if not usable:
                    progress.step()
                    continue
                layer = layer_of(recording, index, extremes.minimum[s, :usable], extremes.maximum[s, :usable])
                try:
                    for epochs, slab in recording.slabs(index, s, chosen[chosen < usable]):
                        activity = slab if samples is None else slab[:, samples]
                        found = scan_estimates(
                            method, activity, labels, ids, layer, settings, self.device, inputs=inputs
                        )
                        for values, of_settings in zip(results, found, strict=True):
                            for estimate in of_settings:
                                target = values.setdefault(estimate.bound, {})
                                _store(target, estimate_columns(estimate), shape, (s, epochs, index))
                except InfoplaneError as error:
                    raise InfoplaneError(
                        f"{recording.path}: seed {recording.seeds[s]}, layer {layer.index}: {error}"
                    ) from error
                progress.step()
        counts = np.ones(len(labels), np.int64) if ids is None else np.unique(ids, return_counts=True)[1]
        entropies = {"h_x": entropy(counts), "h_y": entropy(np.unique(labels, return_counts=True)[1])}
        return pd.concat(
            [
                self._table(part, estimator, described, values, chosen, entropies)
                for (described, estimator), values in zip(estimators, results, strict=True)
            ],
            ignore_index=True,
        )

    def _table(
        self,
        part: str,
        estimator: EstimatorSettings,
        described: Mapping[str, str],
        values: Values,
        chosen: NDArray[np.int64],
        entropies: Mapping[str, float],
    ) -> pd.DataFrame:
        recording, shape = self.recording, self.extremes.minimum.shape
        # As with the estimates, nothing is said of a network that has diverged.
        usable = np.arange(shape[1]) < np.array([recording.usable(s) for s in range(shape[0])])[:, None]
        varying = np.where(usable[..., None], self.extremes.varying_units, np.nan)
        assumption = METHODS[estimator.method].describe(estimator.settings)
        if len(chosen) < shape[1]:
            assumption = f"{assumption}; at {len(chosen)} of {shape[1]} recorded epochs"
        axes = run_axes(recording, layers=shape[2])
        axes["epoch"] = axes["epoch"][chosen]
        front = {"n_layers": shape[2], "estimator": self.name, "method": estimator.method}
        behind = {"assumption": assumption, "part": part, **entropies, **described}
        tables = []
        for bound, columns in values.items():
            shown = {name: column[:, chosen] for name, column in columns.items()}
            shown["status"] = np.where(usable[:, chosen, None], shown["status"], "diverged")
            further = {"bound": bound, **behind, **shown, "varying_units": varying[:, chosen]}
            tables.append(tidy(recording, self.run, axes, {**front, **further}))
        return pd.concat(tables, ignore_index=True)


def _chosen(values: NDArray[Any] | None, samples: NDArray[np.int64]) -> NDArray[Any] | None:
    return None if values is None else values[samples]


def _store(
    target: dict[str, NDArray[Any]],
    columns: Mapping[str, NDArray[Any]],
    shape: tuple[int, ...],
    at: tuple[int, NDArray[np.int64], int],
) -> None:
    """Put the columns of some epochs of a seed and layer where they belong in arrays of this shape."""
    for name, values in columns.items():
        empty = "" if values.dtype == object else np.nan
        target.setdefault(name, np.full(shape, empty, object if empty == "" else np.float64))[at] = values


def chosen_epochs(recorded: int, at_epochs: int | None) -> NDArray[np.int64]:
    """Which recorded epochs, counted from 0: as many as asked for, evenly spread, the first and last included."""
    if at_epochs is None or at_epochs >= recorded:
        return np.arange(recorded)
    return np.unique(np.linspace(0, recorded - 1, at_epochs).round().astype(np.int64))


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
