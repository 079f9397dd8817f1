"""Does a layer's compression go with generalisation, over seeds?

Within a run the seeds differ in nothing but their random draws. Pooled over runs, the run is a factor: both
variables are centred within each run (for Spearman: ranked within each run first), so that differences between
activation functions do not pose as a correlation. What remains is the partial correlation given the run.

Beside the intervals and p values of theory, which trust in normal values and in seeds that are independent between
runs, stand those of resampling, which do not: bootstrap (BCa) and permutation of seeds, the same in all runs.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from infoplane.statistics.dead import is_left_out
from infoplane.statistics.frames import (
    GENERALISATION,
    MEASURES,
    RESOLUTION,
    SERIES,
    SERIES_DETAILS,
    require_columns,
    settings_columns,
)
from infoplane.statistics.inference import sums
from infoplane.statistics.inference.resampling import Floats, Resamples, bca_interval, holm, permutation_p, resamples

TABLES = ("compression",)
TITLE = "Correlation over seeds of every measure of compression with every measure of generalisation"
COLUMNS = {
    "settings layer estimator bound n_layers method assumption h_x h_y": "",
    "scope": ("run, or pooled over runs with equally many layers; the run is then all runs", ""),
    "measure": ("measure of compression", ""),
    "generalisation": ("measure of generalisation", ""),
    "n_seeds": ("all seeds", "seeds"),
    "n_diverged n_dead": "",
    "n": ("seeds that entered", "seeds"),
    "n_runs": ("runs that entered", "runs"),
    "degrees_of_freedom": ("n - 2 within a run; pooled n - n_runs - 1, for each run's mean is estimated", ""),
    "pearson_r pearson_lower pearson_upper": ("Pearson's r, with the run as a factor, and Fisher's interval", ""),
    "pearson_p": ("p value of r, two-sided, from Student's t", ""),
    "spearman_rho": ("Spearman's rho, of ranks within runs", ""),
    "spearman_p": ("p value of rho, two-sided, from Student's t", ""),
    "status": "",
    "pearson_bootstrap_lower pearson_bootstrap_upper": ("BCa interval of r", ""),
    "spearman_bootstrap_lower spearman_bootstrap_upper": ("BCa interval of rho", ""),
    "pearson_permutation_p spearman_permutation_p": ("p value by permutation of seeds", ""),
    "interval_status": ("status of the BCa intervals of r and rho", ""),
    "partial_r": ("Pearson's partial correlation given the training accuracy at the end", ""),
    "partial_bootstrap_lower partial_bootstrap_upper": ("BCa interval of partial_r", ""),
    "partial_permutation_p": ("p value of partial_r by permutation of seeds", ""),
    "partial_status partial_interval_status": ("status of partial_r, and of its interval", ""),
    "n_tests": ("layers with an estimable correlation", "layers"),
    "pearson_holm_p spearman_holm_p partial_holm_p": ("permutation p with Holm's correction over these layers", ""),
}
COST = "of_compression"
SETTINGS = ("confidence", "resamples", "resampling_seed")


# What the partial correlation holds fixed.
GIVEN = "train_accuracy"

# The name in the column `run` of the rows that are pooled over runs.
POOLED = "all runs"

FEWEST_SEEDS = 3

# The p values that are corrected over layers.
CORRECTED = ("pearson", "spearman", "partial")


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


@dataclass(frozen=True, slots=True)
class Resampled:
    """What resampling says of a correlation; NaN where a status says "not estimable: ...".

    `interval_status` is that of the bootstrap intervals of r and rho, `partial_status` that of the partial
    correlation and `partial_interval_status` that of its interval.
    """

    pearson_bootstrap_lower: float = np.nan
    pearson_bootstrap_upper: float = np.nan
    spearman_bootstrap_lower: float = np.nan
    spearman_bootstrap_upper: float = np.nan
    pearson_permutation_p: float = np.nan
    spearman_permutation_p: float = np.nan
    interval_status: str = "ok"
    partial_r: float = np.nan
    partial_bootstrap_lower: float = np.nan
    partial_bootstrap_upper: float = np.nan
    partial_permutation_p: float = np.nan
    partial_status: str = "ok"
    partial_interval_status: str = "ok"


def correlation(
    compression: pd.DataFrame,
    *,
    confidence: float = 0.95,
    number: int = 2000,
    seed: int = 0,
    measures: Sequence[str] = MEASURES,
    generalisations: Sequence[str] = GENERALISATION,
) -> pd.DataFrame:
    """Correlate every measure of compression with every measure of generalisation, over seeds.

    One row per run, layer, estimator, bound, measure and generalisation (scope "run"), then one per data set, layer,
    estimator, bound, measure and generalisation pooled over the runs with equally many layers (scope "pooled", run "all
    runs"; settings that differ between the pooled runs are empty). Diverged and dead seeds are left out. `number`
    resamples are drawn from the random seed `seed`. `measures` and `generalisations` may be fewer.

    The columns are those of `COLUMNS`. Where nothing can be estimated, the numbers are NaN and a status says why:
    "not estimable: ..." for fewer than 3 seeds, equal values for all seeds, or a layer at its ceiling H(X) for every
    seed, and "not recorded: ..." for a metric that a recording lacks.
    """
    needed = ["run", "dataset", "seed", "layer", *SERIES, *SERIES_DETAILS, *MEASURES, *GENERALISATION, GIVEN]
    require_columns(compression, [*needed, "diverged", "dead", "at_ceiling"], "compression")
    settings = settings_columns(compression)
    details = ["layer", *SERIES, *SERIES_DETAILS]
    by_run: dict[object, list[dict[str, object]]] = {run: [] for run in compression["run"].unique()}
    pooled: list[dict[str, object]] = []
    for _, group in compression.groupby(["dataset", "n_layers", "layer", *SERIES], sort=False, observed=True):
        seeds = np.unique(group["seed"].to_numpy())
        drawn = resamples(len(seeds), number, seed)
        runs = {run: rows.sort_values("seed") for run, rows in group.groupby("run", sort=False, observed=True)}
        described = {run: {name: _common(rows[name]) for name in [*settings, *details]} for run, rows in runs.items()}
        described[POOLED] = {**{name: _common(group[name]) for name in [*settings, *details]}, "run": POOLED}
        of_runs = {run: _Run.of(rows) for run, rows in runs.items()}
        for measure in measures:
            for generalisation in generalisations:
                parts = {run: _sums(part, measure, generalisation, seeds, drawn) for run, part in of_runs.items()}
                for run, part in of_runs.items():
                    found = _of_run(part, measure, generalisation, confidence)
                    row = _row(described[run], "run", measure, generalisation, [part], found)
                    by_run[run].append({**row, **_as_row(_resample(found, [parts[run]], confidence))})
                if len(runs) > 1:
                    pool = {run: part.pooled(measure, generalisation) for run, part in of_runs.items()}
                    pool = {run: chosen for run, chosen in pool.items() if chosen.any()}
                    xs, ys = (
                        [of_runs[run].columns[name][chosen] for run, chosen in pool.items()]
                        for name in (measure, generalisation)
                    )
                    found = pooled_over_runs(xs, ys, confidence=confidence)
                    row = _row(described[POOLED], "pooled", measure, generalisation, of_runs.values(), found)
                    pooled.append({**row, **_as_row(_resample(found, [parts[run] for run in pool], confidence))})
    table = pd.DataFrame([row for rows in [*by_run.values(), pooled] for row in rows])
    return _corrected(table)


@dataclass(frozen=True, slots=True)
class _Run:
    """The seeds of one run that did not diverge and are not dead, of one layer and series, as arrays over seeds."""

    n_seeds: int
    n_diverged: int
    n_dead: int
    seeds: NDArray[np.int64]
    at_ceiling: NDArray[np.bool_]
    columns: dict[str, Floats]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> _Run:
        kept = rows[~is_left_out(rows)]
        return cls(
            len(rows),
            int(rows["diverged"].sum()),
            int(rows["dead"].sum()),
            kept["seed"].to_numpy(np.int64),
            kept["at_ceiling"].to_numpy(np.bool_),
            {name: kept[name].to_numpy(np.float64) for name in (*MEASURES, *GENERALISATION, GIVEN)},
        )

    def known(self, *names: str) -> NDArray[np.bool_]:
        """Which of the seeds have all these values."""
        return np.asarray(~np.isnan([self.columns[name] for name in names]).any(axis=0))

    def pooled(self, measure: str, generalisation: str) -> NDArray[np.bool_]:
        """Which of the seeds enter the correlation pooled over runs; none if they say nothing about the slope."""
        kept = self.known(measure, generalisation)
        x = self.columns[measure][kept]
        return kept & (len(x) > 0 and bool(np.ptp(x) > RESOLUTION) and not self.at_ceiling[kept].all())


def _row(
    described: dict[str, object],
    scope: str,
    measure: str,
    generalisation: str,
    runs: Collection[_Run],
    found: Correlation,
) -> dict[str, object]:
    return {
        **described,
        "scope": scope,
        "measure": measure,
        "generalisation": generalisation,
        "n_seeds": sum(run.n_seeds for run in runs),
        "n_diverged": sum(run.n_diverged for run in runs),
        "n_dead": sum(run.n_dead for run in runs),
        **_as_row(found),
    }


def _as_row(result: Correlation | Resampled) -> dict[str, object]:
    return {name: getattr(result, name) for name in result.__slots__}


def _corrected(table: pd.DataFrame) -> pd.DataFrame:
    """With Holm's correction over the layers of each run (or pool), estimator, measure and generalisation."""
    keys = ["scope", "run", "dataset", "n_layers", *SERIES, "measure", "generalisation"]
    grouped = table.groupby(keys, sort=False, observed=True, dropna=False)
    table["n_tests"] = grouped["pearson_permutation_p"].transform("count").astype(np.int64)
    for name in CORRECTED:
        table[f"{name}_holm_p"] = grouped[f"{name}_permutation_p"].transform(lambda p: holm(p.to_numpy(np.float64)))
    return table


def _sums(
    run: _Run, measure: str, generalisation: str, seeds: NDArray[np.int64], drawn: Resamples
) -> tuple[sums.Sums, NDArray[np.bool_]] | None:
    """The sums of one run, and which of all seeds are in them; None if none is usable."""
    names = (measure, generalisation, GIVEN)
    kept = run.known(*names)
    if not kept.any():
        return None
    chosen = np.isin(seeds, run.seeds[kept])
    return sums.within_run_sums(np.column_stack([run.columns[name][kept] for name in names]), chosen, drawn), chosen


def _resample(
    found: Correlation, parts: Sequence[tuple[sums.Sums, NDArray[np.bool_]] | None], confidence: float
) -> Resampled:
    usable = [part for part in parts if part is not None]
    if found.status != "ok" or not usable:
        reason = found.status if found.status != "ok" else f"not estimable: {GIVEN} is missing"
        return Resampled(interval_status=reason, partial_status=reason, partial_interval_status=reason)
    total, chosen = usable[0]
    for part, more in usable[1:]:
        total, chosen = total + part, chosen | more
    n = int(chosen.sum())

    def interval(estimate: float, bootstrap: Floats, jackknife: Floats) -> tuple[float, float, str]:
        return bca_interval(estimate, bootstrap, jackknife[chosen], n=n, confidence=confidence)

    r_interval = interval(
        found.pearson_r, sums.correlations(total.drawn, total.all), sums.correlations(total.left_out, total.all)
    )
    rho_interval = interval(
        found.spearman_rho,
        sums.correlations(total.drawn_ranks, total.all_ranks),
        sums.correlations(total.left_out_ranks, total.all_ranks),
    )
    problems = dict.fromkeys(part[2] for part in (r_interval, rho_interval) if part[2] != "ok")

    partial_status = _partial_status(found, total)
    partial = {}
    if partial_status == "ok":
        partial_r = float(sums.partial_correlations(total.all, total.all))
        lower, upper, interval_status = interval(
            partial_r,
            sums.partial_correlations(total.drawn, total.all),
            sums.partial_correlations(total.left_out, total.all),
        )
        partial = {
            "partial_r": partial_r,
            "partial_bootstrap_lower": lower,
            "partial_bootstrap_upper": upper,
            "partial_permutation_p": permutation_p(partial_r, sums.permuted_partial_correlations(total)),
        }
    return Resampled(
        *r_interval[:2],
        *rho_interval[:2],
        permutation_p(found.pearson_r, sums.permuted_correlations(total)),
        permutation_p(found.spearman_rho, sums.permuted_rank_correlations(total)),
        "; ".join(problems) or "ok",
        **partial,
        partial_status=partial_status,
        partial_interval_status=interval_status if partial else partial_status,
    )


def _partial_status(found: Correlation, total: sums.Sums) -> str:
    if found.degrees_of_freedom < 2:
        return f"not estimable: {found.n} seeds are too few for a partial correlation"
    if total.all[2, 2] <= RESOLUTION**2 * found.n:
        return f"not estimable: {GIVEN} is equal for all seeds"
    if np.isnan(sums.partial_correlations(total.all, total.all)):
        return f"not estimable: {GIVEN} determines compression or generalisation"
    return "ok"


def _common(column: pd.Series) -> object:
    """The value that all rows share, or None."""
    values = column.unique()
    return values[0] if len(values) == 1 else None


def _of_run(run: _Run, measure: str, generalisation: str, confidence: float) -> Correlation:
    kept = run.known(measure, generalisation)
    x, y = (run.columns[name][kept] for name in (measure, generalisation))
    if run.at_ceiling.all() and len(kept):
        reason = f"all {len(kept)} seeds are at the ceiling H(X)"
        return Correlation(len(x), 1, len(x) - 2, status=f"not estimable: {reason}")
    if len(kept) and np.isnan(run.columns[generalisation]).all():
        return Correlation(0, 1, 0, status=f"not recorded: {generalisation}")
    if len(x) < FEWEST_SEEDS:
        undefined = len(kept) - len(x)
        return Correlation(len(x), 1, max(len(x) - 2, 0), status=_too_few(run.n_seeds, len(x), undefined, measure))
    for column, name in ((x, measure), (y, generalisation)):
        if np.ptp(column) <= RESOLUTION:
            reason = f"{name} is {column[0]:.4g} for all {len(column)} seeds"
            return Correlation(len(x), 1, len(x) - 2, status=f"not estimable: {reason}")
    return within_run(x, y, confidence=confidence)


def poolable(compression: pd.DataFrame, measure: str, generalisation: str) -> pd.DataFrame:
    """The seeds that enter the correlation pooled over runs, for one layer, estimator and bound.

    Diverged and dead seeds are left out, seeds without one of the values, and whole runs that say nothing about the
    slope: those with one seed, with equal compression for all seeds, or with every seed at the ceiling.
    """
    runs = [rows[~is_left_out(rows)] for _, rows in compression.groupby("run", observed=True, sort=False)]
    return pd.concat([compression[:0], *(rows[_Run.of(rows).pooled(measure, generalisation)] for rows in runs)])


def _too_few(n_seeds: int, n: int, undefined: int, measure: str) -> str:
    reason = f"{n} of {n_seeds} seeds {'is' if n == 1 else 'are'} usable, {FEWEST_SEEDS} are needed"
    return f"not estimable: {reason}" + (f" ({measure} is undefined for {undefined})" if undefined else "")


def within_run(x: NDArray[np.float64], y: NDArray[np.float64], *, confidence: float = 0.95) -> Correlation:
    """Pearson's and Spearman's correlation of two variables that are not constant, n >= 3, by scipy."""
    with warnings.catch_warnings():
        # Values that differ in the last digits only are left to scipy's own judgement of p.
        warnings.simplefilter("ignore", scipy.stats.NearConstantInputWarning)
        pearson = scipy.stats.pearsonr(x, y)
        interval = pearson.confidence_interval(confidence)
    spearman = scipy.stats.spearmanr(x, y)
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
        np.concatenate([scipy.stats.rankdata(part) - (len(part) + 1) / 2 for part in parts]) for parts in (xs, ys)
    )
    r, rho = float(scipy.stats.pearsonr(x, y).statistic), float(scipy.stats.pearsonr(ranks_x, ranks_y).statistic)
    # Fisher's interval needs a positive variance; with two seeds beyond the means every r is possible.
    lower, upper = -1.0, 1.0
    if freedom > 1 and abs(r) < 1:
        lower, upper = np.tanh(np.arctanh(r) + np.array(scipy.stats.norm.interval(confidence)) / np.sqrt(freedom - 1))
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
    return float(2 * scipy.stats.t.sf(t, freedom))
