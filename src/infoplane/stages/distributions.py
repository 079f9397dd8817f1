"""Stage `distributions`: a recording -> how the activity of every layer is distributed, and how it is binned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from infoplane.activity.recording import open_recording
from infoplane.estimators import METHODS
from infoplane.files import storage
from infoplane.settings import EstimatorSettings
from infoplane.stages.common import provenance_of_run, run_of, tidy
from infoplane.stages.information import layer_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from infoplane.estimators.bins import Bins

__all__ = ["distributions"]

# Equal bins of the histogram, narrower than those of any estimator in use.
_FINE = 200


# The columns of one histogram: from, to and how many values.
_Histogram = dict[str, "NDArray[Any]"]


def distributions(
    recording: Path, estimators: Mapping[str, EstimatorSettings], output: Path, run: str | None = None
) -> None:
    """Write the distribution of every layer's activity, all units and samples pooled, and the bins imposed on it.

    Of the first seed of the recording that did not diverge and is not dead, at the last recorded epoch; without such a
    seed the table is empty. Only those of `estimators` count that sort activity into bins.

    One row per bin: layer, estimator ("" for the histogram of 200 equal bins), method, assumption, state (its number
    from 0), low, high (from low up to, not including, high; the ends may be infinite, and a value that is a state of
    its own is both) and count, of values of single units.
    """
    with open_recording(recording) as opened:
        run, extremes, last = run_of(opened, run), opened.extremes(), len(opened.epochs) - 1

        def rows(seed: list[int], layer: int, histogram: _Histogram, described: Mapping[str, str]) -> pd.DataFrame:
            axes = {"seed": seed, "epoch": opened.epochs[-1:], "layer": [layer]}
            axes["state"] = np.arange(len(histogram["count"]))
            columns = {"n_layers": len(opened.layers), **described, **histogram}
            return tidy(opened, run, {key: np.asarray(axis) for key, axis in axes.items()}, columns)

        pooled = {"estimator": "", "method": "", "assumption": ""}
        frames = []
        is_dead = (extremes.varying_units[:, -1] == 0).any(axis=-1)
        for s in np.flatnonzero((opened.diverged_epoch < 0) & ~is_dead)[:1].tolist():
            for index in range(len(opened.layers)):
                values = opened.activity(index, s, slice(last, None))[0]
                frames.append(rows([int(opened.seeds[s])], index + 1, _histogram(values), pooled))
                layer = layer_of(opened, index, extremes.minimum[s], extremes.maximum[s])
                for name, estimator in estimators.items():
                    method = METHODS[estimator.method]
                    if method.bins is not None:
                        described = {
                            "estimator": name,
                            "method": estimator.method,
                            "assumption": method.describe(estimator.settings),
                        }
                        histogram = _binned(values, method.bins(layer, estimator.settings)(values))
                        frames.append(rows([int(opened.seeds[s])], index + 1, histogram, described))
        if not frames:
            frames.append(rows([], 0, _histogram(np.zeros(1)), pooled))
        of_estimators = {name: json.loads(estimator.to_json()) for name, estimator in estimators.items()}
        made_with = provenance_of_run(opened, run, estimators=of_estimators)
    storage.write_table(pd.concat(frames, ignore_index=True), output, made_with)


def _histogram(values: NDArray[Any]) -> _Histogram:
    count, edges = np.histogram(values.astype(np.float64), bins=_FINE)
    return {"low": edges[:-1], "high": edges[1:], "count": count}


def _binned(values: NDArray[Any], bins: Bins) -> _Histogram:
    """How many values are in each state, and where it begins and ends."""
    inner = bins.inner_edges.astype(np.float64)
    low, high = np.concatenate([[-np.inf], inner]), np.concatenate([inner, [np.inf]])
    if bins.separate is not None:
        low, high = np.append(low, bins.separate), np.append(high, bins.separate)
    return {"low": low, "high": high, "count": np.bincount(bins.states(values).ravel(), minlength=bins.count)}
