"""How much of the variance of compression lies between activation functions, and how much between seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy

from infoplane.statistics.comparability import SettingsOfRuns, families, settings_of
from infoplane.statistics.dead import is_left_out
from infoplane.statistics.frames import MEASURES, RESOLUTION, SERIES, SERIES_DETAILS, require_columns, settings_columns
from infoplane.statistics.inference.resampling import Floats
from infoplane.statistics.inference.variance import Components, components

TABLES = ("compression",)
TITLE = "Variance of compression between activation functions and between seeds"
COLUMNS = {
    "dataset hidden_layers l2 weight_decay learning_rate batch_size epochs": "",
    "family": ("name of the first of the runs that differ in nothing but their activation functions", ""),
    "n_layers layer estimator bound method assumption h_x h_y": "",
    "measure": ("measure of compression", ""),
    "runs": ("names of the runs that entered", ""),
    "n_runs": ("how many they are", "runs"),
    "n": ("seeds that entered, of all runs", "seeds"),
    "mean": ("mean of the means of the runs", "of the measure"),
    "between between_lower between_upper": (
        "variance between activation functions, and interval",
        "of the measure squared",
    ),
    "within within_lower within_upper": ("variance between seeds, and interval", "of the measure squared"),
    "share share_lower share_upper": ("between / (between + within), and interval", ""),
    "welch_f welch_p": ("Welch's test that all activation functions have the same mean", ""),
    "status": "",
    "welch_status": ("status of Welch's test", ""),
}
COST = "of_compression"
SETTINGS = ("confidence",)
OF_RUNS = True
LOCAL = True


def variance_components(
    compression: pd.DataFrame, settings: SettingsOfRuns, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Variance of compression between activation functions and between seeds, per layer, estimator and measure.

    The runs compared, a family, are those without a penalty that differ in nothing but their activation functions;
    `settings` has all settings of every run. Diverged and dead seeds are left out, and so are runs with fewer than 2
    seeds left or with every seed at the ceiling. A run with a penalty has rows of its own, whose status says so.

    The columns are those of `COLUMNS`. Welch's test lets activation functions vary differently over seeds.
    """
    needed = ["run", "activation", "seed", "layer", *SERIES, *SERIES_DETAILS, *MEASURES]
    require_columns(compression, [*needed, "diverged", "dead", "at_ceiling"], "compression")
    of_settings = [name for name in settings_columns(compression) if name not in ("run", "activation")]
    keys = ["n_layers", "layer", *SERIES]
    details = [name for name in SERIES_DETAILS if name != "n_layers"]
    known = settings_of(list(map(str, compression["run"].unique())), settings)
    found = families(known)
    penalised = [[run] for run in known if not any(run in family for family in found)]
    rows = []
    groups = [
        (family, group)
        for family in (*found, *penalised)
        for _, group in compression[compression["run"].isin(family)].groupby(keys, sort=False, observed=True)
    ]
    for family, group in groups:
        described: dict[str, object] = {"family": family[0]}
        for name in (*of_settings, *keys, *details):
            values = group[name].unique()
            described[name] = values[0] if len(values) == 1 else None
        if family in penalised:
            reason = "not estimable: a run with a penalty is in no family of activation functions"
            states = {"status": reason, "welch_status": reason}
            rows += [
                {**described, "measure": measure, "runs": "", "n_runs": 0, "n": 0, **states} for measure in MEASURES
            ]
            continue
        usable = group[~is_left_out(group)]
        for measure in MEASURES:
            names, values_of = [], []
            for run, rows_of_run in usable.groupby("run", sort=False, observed=True):
                values = rows_of_run[measure].dropna().to_numpy(dtype=np.float64)
                if len(values) > 1 and not rows_of_run["at_ceiling"].all():
                    names.append(str(run))
                    values_of.append(values)
            counts = {"runs": " ".join(names), "n_runs": len(names), "n": sum(map(len, values_of))}
            rows.append({**described, "measure": measure, **counts, **_between(names, values_of, confidence)})
    names = [*of_settings, "family", *keys, *details, "measure", "runs", "n_runs", "n", "mean", *Components.__slots__]
    return pd.DataFrame(rows, columns=[*names, "welch_f", "welch_p", "status", "welch_status"])


def _between(names: Sequence[str], groups: Sequence[Floats], confidence: float) -> dict[str, object]:
    if len(groups) < 2:
        reason = "not estimable: no two runs below the ceiling differ in their activation function alone"
        return {"status": reason, "welch_status": reason}
    if all(np.ptp(group) <= RESOLUTION for group in groups):
        reason = "not estimable: no run varies over seeds"
        return {"status": reason, "welch_status": reason}
    found = components(groups, confidence=confidence)
    result: dict[str, object] = {name: getattr(found, name) for name in Components.__slots__}
    result |= {"mean": float(np.mean([group.mean() for group in groups])), "status": "ok", "welch_status": "ok"}
    equal = [name for name, group in zip(names, groups, strict=True) if np.ptp(group) <= RESOLUTION]
    if equal:
        result["welch_status"] = f"not estimable: {equal[0]} does not vary over seeds"
    else:
        test = scipy.stats.f_oneway(*groups, equal_var=False)
        result |= {"welch_f": float(test.statistic), "welch_p": float(test.pvalue)}
    return result
