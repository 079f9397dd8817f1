"""How much of compression is the activation function, how much the initialisation, and how many seeds that takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from infoplane.statistics.comparability import SettingsOfRuns, families, settings_of
from infoplane.statistics.compression import MEASURES, RESOLUTION
from infoplane.statistics.dead import is_left_out
from infoplane.statistics.frames import SERIES, SERIES_DETAILS, require_columns, settings_columns
from infoplane.statistics.inference.resampling import Floats, bca_interval, resamples

# The numbers of seeds for which the width of the interval is given.
SIZES = (5, 10, 15, 20, 30, 40, 50)
MOST_SEEDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Components:
    """Variance between and within groups, with intervals; `share` is that of the variance between."""

    between: float
    between_lower: float
    between_upper: float
    within: float
    within_lower: float
    within_upper: float
    share: float
    share_lower: float
    share_upper: float


def components(groups: Sequence[Floats], *, confidence: float = 0.95) -> Components:
    """Variance components of a one-way layout with random groups, from the analysis of variance.

    At least two groups and one group with two values that differ. The interval within is exact, that of the share
    exact for groups of equal size, that between the modified large-sample interval; all take values as normal and
    groups as equally variable. A negative estimate is 0.
    Source: Burdick & Graybill, "Confidence Intervals on Variance Components", 1992, chapters 3 and 4.
    """
    sizes = np.array([len(group) for group in groups])
    k, n = len(groups), int(sizes.sum())
    means = np.array([group.mean() for group in groups])
    between_freedom, within_freedom = k - 1, n - k
    grand = float((sizes * means).sum() / n)
    between_square = float((sizes * (means - grand) ** 2).sum()) / between_freedom
    within_square = float(sum(((group - group.mean()) ** 2).sum() for group in groups)) / within_freedom
    size = (n - float((sizes**2).sum()) / n) / between_freedom
    tail = (1 - confidence) / 2

    below, above = (scipy.stats.chi2.ppf(p, within_freedom) / within_freedom for p in (tail, 1 - tail))
    below_b, above_b = (scipy.stats.chi2.ppf(p, between_freedom) / between_freedom for p in (tail, 1 - tail))
    ratio_low, ratio_high = (scipy.stats.f.ppf(p, between_freedom, within_freedom) for p in (tail, 1 - tail))

    g1, h2 = 1 - 1 / above_b, 1 / below - 1
    g12 = ((ratio_high - 1) ** 2 - (g1 * ratio_high) ** 2 - h2**2) / ratio_high
    h1, g2 = 1 / below_b - 1, 1 - 1 / above
    h12 = ((1 - ratio_low) ** 2 - (h1 * ratio_low) ** 2 - g2**2) / ratio_low
    b, w = between_square, within_square
    down = np.sqrt(max((g1 * b) ** 2 + (h2 * w) ** 2 + g12 * b * w, 0.0))
    up = np.sqrt(max((h1 * b) ** 2 + (g2 * w) ** 2 + h12 * b * w, 0.0))
    f = b / w
    share = [(ratio - 1) / (ratio + size - 1) for ratio in (f, f / ratio_high, f / ratio_low)]
    limits = [max((b - w) / size, 0.0), max((b - w - down) / size, 0.0), max((b - w + up) / size, 0.0)]
    shares = [max(float(value), 0.0) for value in share]
    return Components(
        limits[0], limits[1], limits[2], w, float(w / above), float(w / below), shares[0], shares[1], shares[2]
    )


def variance_components(
    compression: pd.DataFrame, settings: SettingsOfRuns, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Variance of compression between activation functions and between seeds, per layer, estimator and measure.

    The runs compared, a family, are those without a penalty that differ in nothing but their activation functions;
    `settings` has all settings of every run. Diverged and dead seeds are left out, and so are runs with fewer than 2
    seeds left or with every seed at the ceiling. A run with a penalty has rows of its own, whose status says so.

    Columns: the settings (without run and activation), family (the name of its first run), layer, estimator, bound,
    n_layers, method, assumption, h_x, h_y, measure, runs (their names), n_runs, n, the fields of `Components`
    (variances, and the share between activation functions), mean, welch_f, welch_p (Welch's test that all activation
    functions have the same mean, which lets them vary differently over seeds), status and welch_status: "ok" or "not
    estimable: ...".
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


def seeds_needed(
    compression: pd.DataFrame,
    *,
    width: float = 0.1,
    confidence: float = 0.95,
    number: int = 2000,
    seed: int = 0,
    sizes: Sequence[int] = SIZES,
) -> pd.DataFrame:
    """Spread over seeds of every measure, the seeds that an interval of `width` takes, and its width for `sizes`.

    Diverged and dead seeds are left out.
    One row per run, layer, estimator, bound, measure and number of seeds `seeds`. Columns: the settings, layer,
    estimator, bound, n_layers, method, assumption, h_x, h_y, measure, n, mean, sd, cv (sd / |mean|) with cv_lower and
    cv_upper (BCa), target_width, seeds_needed (the smallest n with 2 t(n - 1) sd / sqrt(n) <= target_width), seeds,
    width_expected (the same formula for that many seeds, from the sd of all), width_observed (mean width of the
    intervals of that many of the seeds, drawn without replacement), then status (of mean, sd, seeds_needed and
    width_expected), cv_status and observed_status: "ok" or "not estimable: ...".
    """
    needed = ["run", "seed", "layer", *SERIES, *SERIES_DETAILS, *MEASURES]
    require_columns(compression, [*needed, "diverged", "dead", "at_ceiling"], "compression")
    described = [*settings_columns(compression), "layer", *SERIES, *SERIES_DETAILS]
    sized = np.array(sizes, dtype=np.float64)
    per_size = 2 * scipy.stats.t.ppf(0.5 + confidence / 2, sized - 1) / np.sqrt(sized)
    rows = []
    for _, group in compression.groupby(["run", "layer", *SERIES], sort=False, observed=True):
        first = dict(zip(described, group[described].iloc[0], strict=True))
        kept = group[~is_left_out(group)]
        for measure in MEASURES:
            values = kept[measure].dropna().to_numpy(dtype=np.float64)
            row: dict[str, object] = {**first, "measure": measure, "n": len(values), "target_width": width}
            reason = "ok"
            if len(values) < 2:
                reason = f"not estimable: {len(values)} of {len(group)} seeds, 2 are needed"
            elif kept["at_ceiling"].all():
                reason = f"not estimable: all {len(kept)} seeds are at the ceiling H(X)"
            if reason != "ok":
                states = {"status": reason, "cv_status": reason, "observed_status": reason}
                rows += [{**row, "seeds": size, **states} for size in sizes]
                continue
            sd = float(values.std(ddof=1))
            row |= {"mean": float(values.mean()), "sd": sd, "status": "ok"}
            row |= _needed(sd, width, confidence) | _variation(values, confidence, number, seed)
            order = np.argsort(resamples(len(values), number, seed).keys[:500], axis=1)
            for size, factor in zip(sizes, per_size.tolist(), strict=True):
                observed = {"observed_status": f"not estimable: {len(values)} seeds, {size} are asked for"}
                if size <= len(values):
                    drawn = values[order[:, :size]].std(axis=1, ddof=1)
                    observed = {"width_observed": factor * float(drawn.mean()), "observed_status": "ok"}
                rows.append({**row, "seeds": size, "width_expected": factor * sd, **observed})
    numbers = ["n", "mean", "sd", "cv", "cv_lower", "cv_upper", "target_width", "seeds_needed", "seeds"]
    names = [*described, "measure", *numbers, "width_expected", "width_observed"]
    table = pd.DataFrame(rows, columns=[*names, "status", "cv_status", "observed_status"])
    table["seeds_needed"] = table["seeds_needed"].astype("Int64")
    return table


def _needed(sd: float, width: float, confidence: float) -> dict[str, object]:
    """The smallest number of seeds whose t interval is at most `width` wide, for this standard deviation."""

    def is_enough(n: int) -> bool:
        return bool(2 * scipy.stats.t.ppf(0.5 + confidence / 2, n - 1) * sd / np.sqrt(n) <= width)

    low, high = 1, 2
    while not is_enough(high):
        low, high = high, 2 * high
        if high > MOST_SEEDS:
            return {"status": f"not estimable: more than {MOST_SEEDS} seeds are needed"}
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return {"seeds_needed": high}


def _variation(values: Floats, confidence: float, number: int, seed: int) -> dict[str, object]:
    """Coefficient of variation with its interval."""
    n, mean = len(values), float(values.mean())
    if abs(mean) <= RESOLUTION:
        return {"cv_status": "not estimable: the mean is 0"}
    drawn = resamples(n, number, seed)
    lower, upper, status = bca_interval(
        variation(np.ones((1, n)), values)[0],
        variation(drawn.counts, values),
        variation(drawn.left_out, values),
        n=n,
        confidence=confidence,
    )
    return {"cv": float(values.std(ddof=1)) / abs(mean), "cv_lower": lower, "cv_upper": upper, "cv_status": status}


def variation(weights: Floats, values: Floats) -> Floats:
    """Standard deviation (n - 1) over |mean| of weighted values; NaN where the mean is 0."""
    total = weights.sum(axis=1)
    mean = weights @ values / total
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.maximum(weights @ values**2 / total - mean**2, 0) * total / (total - 1)
        return np.asarray(np.where(np.abs(mean) > RESOLUTION, np.sqrt(variance) / np.abs(mean), np.nan))
