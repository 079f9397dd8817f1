"""What a penalty on the weights does: every penalised run against the run that differs in nothing but the penalty.

A seed starts from the same random draws in both runs, so differences are taken seed by seed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy

from infoplane.statistics.compression import MEASURES, RESOLUTION
from infoplane.statistics.frames import SERIES, SERIES_DETAILS, require_columns, settings_columns, settings_of_runs
from infoplane.statistics.resampling import Floats, holm, permutation_p, resamples

PENALTIES = ("l2", "weight_decay")

# Per layer, beside the measures of compression (bits).
OF_LAYERS = (*MEASURES, "i_tx_end")
# Of a seed as a whole; spread is the standard deviation of I(T;X) between its layers at the end (bits).
OF_TRAINING = ("train_accuracy", "test_accuracy", "accuracy_gap", "test_loss")
SPREAD = "spread"

FEWEST_SEEDS = 3


def effects(compression: pd.DataFrame, *, confidence: float = 0.95, number: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Compare every run with a penalty with the run without, for each layer and for the seed as a whole.

    One row per penalised run, measure and layer; `layer` is 0 for what belongs to the seed as a whole: accuracy and
    loss (with empty estimator and bound) and the spread of I(T;X) between layers at the end. The spread leaves out
    layers that are at the ceiling H(X) for more than half of the seeds of either run, for they agree because they
    cannot do otherwise; `layers` names those that remain.

    Columns: the settings, baseline (name of the run without penalty), estimator, bound, method, assumption, layer,
    layers, measure, n (seeds that both runs have), n_at_ceiling, n_at_ceiling_baseline, mean, mean_baseline,
    difference (mean of penalised - baseline, seed by seed) with difference_lower and difference_upper (Student's t
    of the differences), permutation_p (`number` exchanges of the signs of the differences), holm_p (over the layers),
    cliffs_delta (P(penalised > baseline) - P(<), of all pairs of seeds) with its interval, and status: "ok" or
    "not estimable: ..." where the numbers are NaN.
    """
    needed = ["run", "seed", "layer", *SERIES, *SERIES_DETAILS, *OF_LAYERS, *OF_TRAINING, "diverged", "at_ceiling"]
    require_columns(compression, [*needed, *PENALTIES], "compression")
    rows: list[dict[str, object]] = []
    runs = settings_of_runs(compression)
    columns = settings_columns(compression)
    for settings in runs.to_dict("records"):
        if not any(settings[name] > 0 for name in PENALTIES):
            continue
        described = {name: settings[name] for name in columns}
        baseline, reason = baseline_of(settings["run"], runs)
        if baseline is None:
            rows.append({**described, "layer": 0, "measure": MEASURES[0], "n": 0, "status": reason})
            continue
        described["baseline"] = baseline
        penalised = compression[compression["run"] == settings["run"]]
        without = compression[compression["run"] == baseline]
        rows += _of_pair(described, penalised, without, confidence, number, seed)
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


def baseline_of(run: str, runs: pd.DataFrame) -> tuple[str | None, str]:
    """The run without a penalty that equals `run` in every other setting, or None and why there is none."""
    others = [name for name in runs.columns if name not in ("run", *PENALTIES)]
    own = runs[runs["run"] == run].iloc[0]
    equal = (runs[others] == own[others]).all(axis=1) & (runs[list(PENALTIES)] == 0).all(axis=1)
    found = runs.loc[equal, "run"].tolist()
    if len(found) == 1:
        return str(found[0]), "ok"
    if not found:
        return None, "not estimable: no run without a penalty is otherwise equal"
    return None, f"not estimable: {len(found)} runs without a penalty are otherwise equal ({', '.join(found)})"


def _of_pair(
    described: dict[str, object],
    penalised: pd.DataFrame,
    without: pd.DataFrame,
    confidence: float,
    number: int,
    seed: int,
) -> list[dict[str, object]]:
    columns = ["seed", *SERIES, "layer", "method", "assumption", "h_x", *OF_LAYERS, *OF_TRAINING, "at_ceiling"]
    both = penalised.loc[~penalised["diverged"].astype(bool), columns].merge(
        without.loc[~without["diverged"].astype(bool), [*columns[:4], *OF_LAYERS, *OF_TRAINING, "at_ceiling"]],
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
        for layer, group in series.groupby("layer", sort=True):
            for measure in OF_LAYERS:
                result = _compared(group, measure, confidence, number, seed)
                if measure in MEASURES and group[["at_ceiling", "at_ceiling_baseline"]].all(axis=None):
                    result |= dict.fromkeys(_NUMBERS, np.nan)
                    result["status"] = "not estimable: all seeds of both runs are at the ceiling H(X)"
                rows.append({**of_series, "layer": layer, "layers": str(layer), "measure": measure, **result})
        rows.append({**of_series, "layer": 0, "measure": SPREAD, **_spread(series, confidence, number, seed)})
    return rows


def _spread(series: pd.DataFrame, confidence: float, number: int, seed: int) -> dict[str, object]:
    ceiling = series.groupby("layer")[["at_ceiling", "at_ceiling_baseline"]].mean().max(axis=1)
    layers = ceiling.index[ceiling.to_numpy() <= 0.5].tolist()
    named = {"layers": " ".join(map(str, layers))}
    if len(layers) < 2:
        reason = f"not estimable: {len(layers)} of {len(ceiling)} layers are below the ceiling H(X), 2 are needed"
        return {**named, "n": series["seed"].nunique(), "status": reason}
    ends = ["i_tx_end", "i_tx_end_baseline"]
    spread = series[series["layer"].isin(layers)].groupby("seed")[ends].std(ddof=1)
    spread.columns = [SPREAD, f"{SPREAD}_baseline"]
    return {**named, **_compared(spread, SPREAD, confidence, number, seed)}


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


def t_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Student's interval of the mean of two or more values; of width 0 where they are equal."""
    if np.ptp(values) <= RESOLUTION:
        return float(values.mean()), float(values.mean())
    interval = scipy.stats.ttest_1samp(values, 0).confidence_interval(confidence)
    return float(interval.low), float(interval.high)


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
