"""Does a layer's compression go with generalisation, over seeds?

Within a run the seeds differ in nothing but their initialisation. Pooled over runs, the run is a factor: both
variables are centred within each run (for Spearman: ranked within each run first), so that differences between
activation functions do not pose as a correlation. What remains is the partial correlation given the run.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from infoplane.statistics.compression import MEASURES, RESOLUTION
from infoplane.statistics.frames import SERIES, SERIES_DETAILS, require_columns, settings_columns

# The first is the primary one. A high accuracy, a low loss and a small gap generalise well.
GENERALISATION = ("test_accuracy", "test_loss", "accuracy_gap")

# The name in the column `run` of the rows that are pooled over runs.
POOLED = "all runs"

FEWEST_SEEDS = 3


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation with its interval and p value; NaN where `status` says "not estimable: ..."."""

    n: int
    n_runs: int
    degrees_of_freedom: int
    pearson_r: float = np.nan
    pearson_lower: float = np.nan
    pearson_upper: float = np.nan
    pearson_p: float = np.nan
    spearman_rho: float = np.nan
    spearman_p: float = np.nan
    status: str = "ok"


def correlation(compression: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Correlate every measure of compression with every measure of generalisation, over seeds.

    One row per run, layer, estimator, bound, measure and generalisation (scope "run"), then one per data set,
    layer, estimator, bound, measure and generalisation pooled over the runs with equally many layers (scope
    "pooled", run "all runs"; settings that differ between the pooled runs are empty). Diverged seeds are left
    out.

    Columns: the settings, layer, estimator, bound, n_layers, method, assumption, h_x, h_y, scope, measure,
    generalisation, n_seeds, n_diverged, n (seeds that entered), n_runs (runs that entered), degrees_of_freedom
    (n - 2 within a run; pooled n - n_runs - 1, for each run's mean is estimated), pearson_r, pearson_lower,
    pearson_upper (Fisher's z), pearson_p, spearman_rho, spearman_p (both two-sided, from Student's t) and
    status. Where nothing can be estimated, status says "not estimable: ..." and the numbers are NaN: fewer than
    3 seeds, equal values for all seeds, or a layer at its ceiling H(X) for every seed.
    """
    needed = ["run", "dataset", "layer", *SERIES, *SERIES_DETAILS, *MEASURES, *GENERALISATION, "diverged", "at_ceiling"]
    require_columns(compression, needed, "compression")
    settings = settings_columns(compression)
    details = ["layer", *SERIES, *SERIES_DETAILS]
    rows = []
    for scope, keys in (("run", ["run"]), ("pooled", ["dataset"])):
        groups = compression.groupby([*keys, "n_layers", "layer", *SERIES], sort=False, observed=True)
        for _, group in groups:
            described = {name: _common(group[name]) for name in [*settings, *details]}
            if scope == "pooled":
                if group["run"].nunique() < 2:
                    continue
                described["run"] = POOLED
            for measure in MEASURES:
                for generalisation in GENERALISATION:
                    rows.append(
                        {
                            **described,
                            "scope": scope,
                            "measure": measure,
                            "generalisation": generalisation,
                            "n_seeds": len(group),
                            "n_diverged": int(group["diverged"].sum()),
                            **_as_row(_correlate(group, measure, generalisation, scope == "pooled", confidence)),
                        }
                    )
    return pd.DataFrame(rows)


def _as_row(result: Correlation) -> dict[str, object]:
    return {name: getattr(result, name) for name in Correlation.__slots__}


def _common(column: pd.Series) -> object:
    """The value that all rows share, or None."""
    values = column.unique()
    return values[0] if len(values) == 1 else None


def _correlate(group: pd.DataFrame, measure: str, generalisation: str, pooled: bool, confidence: float) -> Correlation:
    kept = group[~group["diverged"]]
    estimable = kept[kept[measure].notna() & kept[generalisation].notna()]
    undefined = len(kept) - len(estimable)
    if not pooled:
        x = estimable[measure].to_numpy(dtype=np.float64)
        y = estimable[generalisation].to_numpy(dtype=np.float64)
        if kept["at_ceiling"].all() and len(kept):
            reason = f"all {len(kept)} seeds are at the ceiling H(X)"
            return Correlation(len(x), 1, len(x) - 2, status=f"not estimable: {reason}")
        if len(x) < FEWEST_SEEDS:
            return Correlation(len(x), 1, max(len(x) - 2, 0), status=_too_few(len(group), len(x), undefined, measure))
        for values, name in ((x, measure), (y, generalisation)):
            if np.ptp(values) <= RESOLUTION:
                reason = f"{name} is {values[0]:.4g} for all {len(values)} seeds"
                return Correlation(len(x), 1, len(x) - 2, status=f"not estimable: {reason}")
        return within_run(x, y, confidence=confidence)

    pool = poolable(group, measure, generalisation)
    runs = [run for _, run in pool.groupby("run", sort=False, observed=True)]
    return pooled_over_runs(
        [run[measure].to_numpy(dtype=np.float64) for run in runs],
        [run[generalisation].to_numpy(dtype=np.float64) for run in runs],
        confidence=confidence,
    )


def poolable(compression: pd.DataFrame, measure: str, generalisation: str) -> pd.DataFrame:
    """The seeds that enter the correlation pooled over runs, for one layer, estimator and bound.

    Diverged seeds are left out, seeds without one of the values, and whole runs that say nothing about the slope:
    those with one seed, with equal compression for all seeds, or with every seed at the ceiling.
    """
    rows = compression[~compression["diverged"]]
    rows = rows[rows[measure].notna() & rows[generalisation].notna()]
    by_run = rows.groupby("run", observed=True)
    extent = by_run[measure].transform("max") - by_run[measure].transform("min")
    return rows[(extent > RESOLUTION) & ~by_run["at_ceiling"].transform("all")]


def _too_few(n_seeds: int, n: int, undefined: int, measure: str) -> str:
    reason = f"{n} of {n_seeds} seeds {'is' if n == 1 else 'are'} usable, {FEWEST_SEEDS} are needed"
    return f"not estimable: {reason}" + (f" ({measure} is undefined for {undefined})" if undefined else "")


def within_run(x: NDArray[np.float64], y: NDArray[np.float64], *, confidence: float = 0.95) -> Correlation:
    """Pearson's and Spearman's correlation of two variables that are not constant, n >= 3, by scipy."""
    with warnings.catch_warnings():
        # Values that differ in the last digits only are left to scipy's own judgement of p.
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        pearson = stats.pearsonr(x, y)
        interval = pearson.confidence_interval(confidence)
    spearman = stats.spearmanr(x, y)
    return Correlation(
        n=len(x),
        n_runs=1,
        degrees_of_freedom=len(x) - 2,
        pearson_r=float(pearson.statistic),
        pearson_lower=float(interval.low),
        pearson_upper=float(interval.high),
        pearson_p=float(pearson.pvalue),
        spearman_rho=float(spearman.statistic),
        spearman_p=float(spearman.pvalue),
    )


def pooled_over_runs(
    xs: Sequence[NDArray[np.float64]], ys: Sequence[NDArray[np.float64]], *, confidence: float = 0.95
) -> Correlation:
    """The partial correlation of x and y given the run, one array of each per run.

    Pearson's r of the values centred within their run. Each of the k runs costs a mean, so that t = r sqrt(f /
    (1 - r^2)) has f = n - k - 1 degrees of freedom and Fisher's z the variance 1 / (n - k - 2); with one run both
    are the usual ones. Spearman's rho is the same of the ranks within each run.
    Source: Fisher, "The distribution of the partial correlation coefficient", Metron 1924.
    """
    n = sum(len(x) for x in xs)
    freedom = n - len(xs) - 1
    if freedom < 1:
        reason = "no run has compression that varies over seeds" if not xs else f"{n} seeds in {len(xs)} runs"
        return Correlation(n, len(xs), max(freedom, 0), status=f"not estimable: {reason}")
    x = np.concatenate([part - part.mean() for part in xs])
    y = np.concatenate([part - part.mean() for part in ys])
    if np.abs(y).max() <= RESOLUTION:
        reason = "no run has generalisation that varies over seeds"
        return Correlation(n, len(xs), freedom, status=f"not estimable: {reason}")
    ranks_x, ranks_y = (
        np.concatenate([stats.rankdata(part) - (len(part) + 1) / 2 for part in parts]) for parts in (xs, ys)
    )
    r, rho = float(stats.pearsonr(x, y).statistic), float(stats.pearsonr(ranks_x, ranks_y).statistic)
    # Fisher's interval needs a positive variance; with two seeds beyond the means every r is possible.
    lower, upper = -1.0, 1.0
    if freedom > 1 and abs(r) < 1:
        lower, upper = np.tanh(np.arctanh(r) + np.array(stats.norm.interval(confidence)) / np.sqrt(freedom - 1))
    elif abs(r) >= 1 and freedom > 1:
        lower = upper = r
    return Correlation(
        n=n,
        n_runs=len(xs),
        degrees_of_freedom=freedom,
        pearson_r=r,
        pearson_lower=float(lower),
        pearson_upper=float(upper),
        pearson_p=_p_value(r, freedom),
        spearman_rho=rho,
        spearman_p=_p_value(rho, freedom),
    )


def _p_value(r: float, freedom: int) -> float:
    with np.errstate(divide="ignore"):
        t = abs(r) * np.sqrt(freedom / np.maximum(1 - r * r, 0.0))
    return float(2 * stats.t.sf(t, freedom))
