"""Compression over seeds: how many there are, and their mean, spread and interval."""

from __future__ import annotations

import numpy as np
import pandas as pd

from infoplane.statistics.compression import MEASURES
from infoplane.statistics.frames import SERIES, SERIES_DETAILS, require_columns, settings_columns
from infoplane.statistics.intervals import mean_intervals

# Summarised beside the measures: where the trajectory starts, peaks and ends.
TRAJECTORY = ("i_tx_start", "i_tx_maximum", "i_tx_end", "i_ty_end", "epoch_of_maximum")

_KEYS = ["run", "layer", *SERIES]


def compression_summary(compression: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Mean, standard deviation and t interval over seeds of every measure, per run, layer, estimator and bound.

    `measure` is drop, balance, final (no unit), i_tx_start, i_tx_maximum, i_tx_end, i_ty_end (bits) or
    epoch_of_maximum. n_seeds counts all seeds, n_diverged those left out because training diverged,
    n_not_estimable those left out because the measure is undefined for them, n those that remain; n_at_ceiling
    of these n sit at the ceiling for the whole training. `status` is "ok", "uninformative: ..." if every
    remaining seed is at the ceiling, "one seed: no interval", or "not estimable: ..."; mean, sd, lower and upper
    are NaN only where it says so.
    """
    require_columns(compression, [*_KEYS, *SERIES_DETAILS, *MEASURES, "diverged", "at_ceiling"], "compression")
    keys = [*settings_columns(compression), "layer", *SERIES, *SERIES_DETAILS]
    counts = compression.groupby(_KEYS, sort=False, observed=True)
    description = compression[keys].drop_duplicates(_KEYS, ignore_index=True)
    description["n_seeds"] = counts.size().to_numpy()
    description["n_diverged"] = counts["diverged"].sum().to_numpy(dtype=np.int64)
    description["n_at_ceiling"] = counts["at_ceiling"].sum().to_numpy(dtype=np.int64)

    kept = compression.assign(
        **{name: compression[name].where(~compression["diverged"]) for name in (*MEASURES, *TRAJECTORY)}
    )
    parts = []
    for measure in (*MEASURES, *TRAJECTORY):
        intervals = mean_intervals(kept, _KEYS, measure, confidence=confidence)
        part = description.merge(intervals, on=_KEYS, how="left", validate="one_to_one").assign(measure=measure)
        part["n_not_estimable"] = part["n_seeds"] - part["n_diverged"] - part["n"]
        part["status"] = [
            _status(measure, n_seeds, n_diverged, n, n_at_ceiling)
            for n_seeds, n_diverged, n, n_at_ceiling in zip(
                part["n_seeds"], part["n_diverged"], part["n"], part["n_at_ceiling"], strict=True
            )
        ]
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    numbers = ["n_seeds", "n_diverged", "n_not_estimable", "n_at_ceiling", "n", "mean", "sd", "lower", "upper"]
    return table[[*keys, "measure", *numbers, "status"]]


def _status(measure: str, n_seeds: int, n_diverged: int, n: int, n_at_ceiling: int) -> str:
    if n_diverged == n_seeds:
        return f"not estimable: {_seeds(n_seeds)} diverged"
    if n == 0:
        return f"not estimable: {measure} is undefined for {_seeds(n_seeds - n_diverged)}"
    # A layer at the ceiling always has a beginning and an end; only its compression says nothing.
    if measure in MEASURES and n_at_ceiling == n_seeds - n_diverged:
        return f"uninformative: {_seeds(n_at_ceiling)} at the ceiling H(X) for the whole training"
    if n == 1:
        return "one seed: no interval"
    return "ok"


def _seeds(n: int) -> str:
    return "the only seed" if n == 1 else f"all {n} seeds"
