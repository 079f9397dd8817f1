"""What a penalty on the weights does: every penalised run against the run that differs in nothing but the penalty.

A seed starts from the same random draws in both runs, so differences are taken seed by seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy

from infoplane.statistics.comparability import SettingsOfRuns, baseline_of, is_penalised, settings_of
from infoplane.statistics.dead import is_left_out
from infoplane.statistics.frames import (
    MEASURES,
    SERIES,
    SERIES_DETAILS,
    require_columns,
    settings_columns,
    settings_of_runs,
)
from infoplane.statistics.inference.intervals import t_interval
from infoplane.statistics.inference.resampling import Floats, holm, permutation_p, resamples
from infoplane.statistics.spread import spreads

TABLES = ("compression",)
TITLE = "Every run with a penalty against the run that differs in nothing else"
COLUMNS = {
    "settings": "",
    "baseline": ("name of the run without the penalty", ""),
    "estimator bound": ("name and bound of the estimator; empty for accuracy and loss", ""),
    "method assumption": "",
    "layer": ("number of the layer; 0 is the seed as a whole", ""),
    "layers": ("numbers of the layers that entered", ""),
    "measure": ("measure of compression, i_tx_end, accuracy, loss, or spread of I(T;X) between layers at the end", ""),
    "n": ("seeds that both runs have", "seeds"),
    "n_at_ceiling n_at_ceiling_baseline": ("of them, those at the ceiling H(X), with and without the penalty", "seeds"),
    "mean mean_baseline": ("mean with and without the penalty", "of the measure"),
    "difference difference_lower difference_upper": (
        "mean of with - without, seed by seed, and Student's interval",
        "of the measure",
    ),
    "permutation_p": ("p value of the difference, by exchanges of the signs of the seeds' differences", ""),
    "holm_p": ("permutation_p with Holm's correction over the layers", ""),
    "cliffs_delta cliffs_delta_lower cliffs_delta_upper": ("P(with > without) - P(<), of all pairs of seeds", ""),
    "status": "",
}
COST = "of_compression"
SETTINGS = ("confidence", "resamples", "resampling_seed")
OF_RUNS = True
LOCAL = True


# Per layer, beside the measures of compression (bits).
OF_LAYERS = (*MEASURES, "i_tx_end")
# Of a seed as a whole; spread is the standard deviation of I(T;X) between its layers at the end (bits).
OF_TRAINING = ("train_accuracy", "test_accuracy", "accuracy_gap", "test_loss")
SPREAD = "spread"

FEWEST_SEEDS = 3


def effects(
    compression: pd.DataFrame,
    settings: SettingsOfRuns,
    *,
    confidence: float = 0.95,
    number: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare every run with a penalty with the run without, for each layer and for the seed as a whole.

    `settings` has all settings of every run, by which the run without is found: it equals the other in all of them but
    the penalty. A run for which there is none has one row, whose status says so. Diverged and dead seeds are left out.

    One row per penalised run, measure and layer; `layer` is 0 for what belongs to the seed as a whole: accuracy and
    loss (with empty estimator and bound) and the spread of I(T;X) between layers at the end. The spread leaves out
    layers that are at the ceiling H(X) for more than half of the seeds of a run that is compared with this baseline,
    for they agree because they cannot do otherwise; `layers` names those that remain.

    The columns are those of `COLUMNS`: means, Student's t of the differences, `number` exchanges of the signs of the
    differences, and Cliff's delta; numbers are NaN where `status` is "not estimable: ...".
    """
    needed = [
        "run",
        "seed",
        "layer",
        *SERIES,
        *SERIES_DETAILS,
        *OF_LAYERS,
        *OF_TRAINING,
        "diverged",
        "dead",
        "at_ceiling",
    ]
    require_columns(compression, needed, "compression")
    rows: list[dict[str, object]] = []
    columns = settings_columns(compression)
    of_runs = {str(row["run"]): row for row in settings_of_runs(compression).to_dict("records")}
    known = settings_of(list(of_runs), settings)
    baselines = {run: baseline_of(run, known) for run in of_runs if is_penalised(known[run])}
    for run, (baseline, reason) in baselines.items():
        described = {name: of_runs[run][name] for name in columns}
        if baseline is None:
            rows.append({**described, "layer": 0, "measure": MEASURES[0], "n": 0, "status": reason})
            continue
        described["baseline"] = baseline
        group = [baseline, *(other for other, (found, _) in baselines.items() if found == baseline)]
        chosen = compression[compression["run"].isin(group) & ~is_left_out(compression)]
        rows += _of_pair(described, chosen, (run, baseline), group, confidence, number, seed)
    details = ["estimator", "bound", "method", "assumption", "layer", "layers", "measure"]
    names = [*columns, "baseline", *details, "n", "n_at_ceiling", "n_at_ceiling_baseline", *_NUMBERS]
    table = pd.DataFrame(rows, columns=[*names, "status"])
    keys = ["run", *SERIES, "measure"]
    grouped = table.groupby(keys, sort=False, dropna=False)["permutation_p"]
    table["holm_p"] = grouped.transform(lambda p: holm(p.to_numpy(np.float64))) if len(table) else np.nan
    return table


_NUMBERS = [
    *("mean", "mean_baseline", "difference", "difference_lower", "difference_upper", "permutation_p", "holm_p"),
    *("cliffs_delta", "cliffs_delta_lower", "cliffs_delta_upper"),
]


def _of_pair(
    described: dict[str, object],
    chosen: pd.DataFrame,
    pair: tuple[str, str],
    group: Sequence[str],
    confidence: float,
    number: int,
    seed: int,
) -> list[dict[str, object]]:
    columns = ["seed", *SERIES, "layer", "method", "assumption", "h_x", *OF_LAYERS, *OF_TRAINING, "at_ceiling"]
    penalised, without = (chosen[chosen["run"] == run] for run in pair)
    both = penalised[columns].merge(
        without[[*columns[:4], *OF_LAYERS, *OF_TRAINING, "at_ceiling"]],
        on=columns[:4],
        suffixes=("", "_baseline"),
    )
    if both.empty:
        reason = "not estimable: no seed is left in both runs"
        return [{**described, "layer": 0, "measure": MEASURES[0], "n": 0, "status": reason}]
    rows = []
    seeds = both.drop_duplicates("seed")
    for measure in OF_TRAINING:
        result = _compared(seeds, measure, confidence, number, seed)
        rows.append({**described, "layer": 0, "measure": measure, **result})
    for (estimator, bound), series in both.groupby(SERIES, sort=False, observed=True):
        first = series.iloc[0]
        of_series = {**described, "estimator": estimator, "bound": bound}
        of_series |= {"method": first["method"], "assumption": first["assumption"]}
        for layer, of_layer in series.groupby("layer", sort=True):
            for measure in OF_LAYERS:
                result = _compared(of_layer, measure, confidence, number, seed)
                if measure in MEASURES and of_layer[["at_ceiling", "at_ceiling_baseline"]].all(axis=None):
                    result |= dict.fromkeys(_NUMBERS, np.nan)
                    result["status"] = "not estimable: all seeds of both runs are at the ceiling H(X)"
                rows.append({**of_series, "layer": layer, "layers": str(layer), "measure": measure, **result})
        rows_of_series = chosen[(chosen["estimator"] == estimator) & (chosen["bound"] == bound)]
        spread = _spread(rows_of_series, group, pair, confidence, number, seed)
        rows.append({**of_series, "layer": 0, "measure": SPREAD, **spread})
    return rows


def _spread(
    series: pd.DataFrame, group: Sequence[str], pair: tuple[str, str], confidence: float, number: int, seed: int
) -> dict[str, object]:
    found, layers = spreads(series, group)
    named = {"layers": " ".join(map(str, layers))}
    by_seed = found.pivot_table(index="seed", columns="run", values="spread").reindex(columns=list(pair)).dropna()
    by_seed.columns = pd.Index([SPREAD, f"{SPREAD}_baseline"])
    if len(layers) < 2:
        reason = f"{len(layers)} of {series['layer'].nunique()} layers are below the ceiling H(X), 2 are needed"
        return {**named, "n": len(by_seed), "status": f"not estimable: {reason}"}
    return {**named, **_compared(by_seed, SPREAD, confidence, number, seed)}


def _compared(group: pd.DataFrame, measure: str, confidence: float, number: int, seed: int) -> dict[str, object]:
    pairs = group[[measure, f"{measure}_baseline"]].dropna().to_numpy(dtype=np.float64)
    result: dict[str, object] = {"n": len(pairs)}
    if "at_ceiling" in group:
        result["n_at_ceiling"] = int(group["at_ceiling"].sum())
        result["n_at_ceiling_baseline"] = int(group["at_ceiling_baseline"].sum())
    if len(pairs) < FEWEST_SEEDS:
        return {**result, "status": f"not estimable: {len(pairs)} seeds in both runs, {FEWEST_SEEDS} are needed"}
    return {**result, **compare(pairs[:, 0], pairs[:, 1], confidence=confidence, number=number, seed=seed)}


def compare(a: Floats, b: Floats, *, confidence: float, number: int, seed: int) -> dict[str, object]:
    """Means of a and b, their paired difference with its t interval and p value by exchanges of sign, Cliff's delta."""
    difference = a - b
    mean = float(difference.mean())
    lower, upper = t_interval(difference, confidence)
    signs = np.where(resamples(len(a), number, seed).keys < 0.5, 1.0, -1.0)
    delta, delta_lower, delta_upper = cliffs_delta(a, b, confidence=confidence)
    return {
        "mean": float(a.mean()),
        "mean_baseline": float(b.mean()),
        "difference": mean,
        "difference_lower": lower,
        "difference_upper": upper,
        "permutation_p": permutation_p(mean, signs @ difference / len(a)),
        "cliffs_delta": delta,
        "cliffs_delta_lower": delta_lower,
        "cliffs_delta_upper": delta_upper,
        "status": "ok",
    }


def cliffs_delta(a: Floats, b: Floats, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """P(a > b) - P(a < b) over all pairs, with an interval that has a width even where a and b do not overlap.

    Source of the interval: Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic. Part 2", Statistics in Medicine 2006, method 5. It takes a and b for independent, which is cautious
    where seeds go together.
    """
    m, n = len(a), len(b)
    theta = (float(np.sign(a[:, None] - b[None, :]).mean()) + 1) / 2
    z = scipy.stats.norm.ppf(0.5 + confidence / 2)
    more = (m + n) / 2 - 1

    def excess(t: float) -> float:
        variance = t * (1 - t) * (1 + more * (1 - t) / (2 - t) + more * t / (1 + t)) / (m * n)
        return float((theta - t) ** 2 - z**2 * variance)

    # At 0 and 1 the excess has a root of its own, which is not a limit of the interval.
    inside = min(max(theta, 1e-9), 1 - 1e-9)
    lower = 0.0 if theta <= 0 else float(scipy.optimize.brentq(excess, 0.0, inside))
    upper = 1.0 if theta >= 1 else float(scipy.optimize.brentq(excess, inside, 1.0))
    return 2 * theta - 1, 2 * lower - 1, 2 * upper - 1
