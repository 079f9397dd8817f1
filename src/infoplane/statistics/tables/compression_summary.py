"""Compression over seeds: how many there are, and their mean, spread and interval."""

from __future__ import annotations

import numpy as np
import pandas as pd

from infoplane.statistics.dead import is_left_out
from infoplane.statistics.frames import MEASURES, SERIES, SERIES_DETAILS, require_columns, settings_columns
from infoplane.statistics.inference.intervals import mean_intervals

TABLES = ("compression",)
TITLE = "Mean, spread and interval over seeds of every measure of compression"
COLUMNS = {
    "settings layer estimator bound n_layers method assumption h_x h_y": "",
    "measure": ("drop, balance, final (no unit), i_tx_start, ... (bits), or epoch_of_maximum", ""),
    "n_seeds": ("all seeds", "seeds"),
    "n_diverged n_dead": "",
    "n_not_estimable": ("seeds left out because the measure is undefined for them", "seeds"),
    "n_at_ceiling": ("of the n seeds, those at the ceiling H(X) for the whole training", "seeds"),
    "n": ("seeds that remain", "seeds"),
    "mean sd": ("mean and standard deviation over seeds", "of the measure"),
    "lower upper": ("Student's interval of the mean", "of the measure"),
    "status": ("ok, uninformative: ... (every seed at the ceiling), one seed: no interval, or not estimable: ...", ""),
}
COST = "summarising"
SETTINGS = ("confidence",)
LOCAL = True


# Summarised beside the measures: where the trajectory starts, peaks and ends.
TRAJECTORY = ("i_tx_start", "i_tx_maximum", "i_tx_end", "i_ty_end", "epoch_of_maximum")

_KEYS = ["run", "layer", *SERIES]


def compression_summary(compression: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Mean, standard deviation and t interval over seeds of every measure, per run, layer, estimator and bound.

    The columns are those of `COLUMNS`; mean, sd, lower and upper are NaN only where `status` says so.
    """
    require_columns(compression, [*_KEYS, *SERIES_DETAILS, *MEASURES, "diverged", "dead", "at_ceiling"], "compression")
    keys = [*settings_columns(compression), "layer", *SERIES, *SERIES_DETAILS]
    counts = compression.groupby(_KEYS, sort=False, observed=True)
    description = compression[keys].drop_duplicates(_KEYS, ignore_index=True)
    description["n_seeds"] = counts.size().to_numpy()
    description["n_diverged"] = counts["diverged"].sum().to_numpy(dtype=np.int64)
    description["n_dead"] = counts["dead"].sum().to_numpy(dtype=np.int64)
    description["n_at_ceiling"] = counts["at_ceiling"].sum().to_numpy(dtype=np.int64)

    left_out = is_left_out(compression)
    kept = compression.assign(**{name: compression[name].where(~left_out) for name in (*MEASURES, *TRAJECTORY)})
    parts = []
    for measure in (*MEASURES, *TRAJECTORY):
        intervals = mean_intervals(kept, _KEYS, measure, confidence=confidence)
        part = description.merge(intervals, on=_KEYS, how="left", validate="one_to_one").assign(measure=measure)
        part["n_not_estimable"] = part["n_seeds"] - part["n_diverged"] - part["n_dead"] - part["n"]
        part["status"] = [
            _status(measure, *of_row)
            for of_row in part[["n_seeds", "n_diverged", "n_dead", "n", "n_at_ceiling"]].itertuples(index=False)
        ]
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    counted = ["n_seeds", "n_diverged", "n_dead", "n_not_estimable", "n_at_ceiling", "n"]
    return table[[*keys, "measure", *counted, "mean", "sd", "lower", "upper", "status"]]


def _status(measure: str, n_seeds: int, n_diverged: int, n_dead: int, n: int, n_at_ceiling: int) -> str:
    left = n_seeds - n_diverged - n_dead
    if left == 0:
        verbs = [verb for count, verb in ((n_diverged, "diverged"), (n_dead, _are_dead(n_dead))) if count]
        return f"not estimable: {_seeds(n_seeds)} {' or '.join(verbs)}"
    if n == 0:
        return f"not estimable: {measure} is undefined for {_seeds(left)}"
    # A layer at the ceiling always has a beginning and an end; only its compression says nothing.
    if measure in MEASURES and n_at_ceiling == left:
        return f"uninformative: {_seeds(n_at_ceiling)} at the ceiling H(X) for the whole training"
    if n == 1:
        return "one seed: no interval"
    return "ok"


def _are_dead(n: int) -> str:
    return "is dead" if n == 1 else "are dead"


def _seeds(n: int) -> str:
    return "the only seed" if n == 1 else f"all {n} seeds"
