"""How many seeds an interval of mean compression takes, and how wide it is for a number of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy

from infoplane.statistics.dead import is_left_out
from infoplane.statistics.frames import MEASURES, RESOLUTION, SERIES, SERIES_DETAILS, require_columns, settings_columns
from infoplane.statistics.inference.resampling import Floats, bca_interval, resamples
from infoplane.statistics.inference.variance import variation

TABLES = ("compression",)
TITLE = "Spread over seeds of every measure, and how many seeds an interval takes"
COLUMNS = {
    "settings layer estimator bound n_layers method assumption h_x h_y": "",
    "measure": ("measure of compression", ""),
    "n": ("seeds that entered", "seeds"),
    "mean sd": ("mean and standard deviation over seeds", "of the measure"),
    "cv cv_lower cv_upper": ("coefficient of variation, sd / |mean|, and BCa interval", ""),
    "target_width": ("width of the interval that is asked for", "of the measure"),
    "seeds_needed": ("smallest n with 2 t(n - 1) sd / sqrt(n) <= target_width", "seeds"),
    "seeds": ("a number of seeds; one row for each", "seeds"),
    "width_expected": ("width of the interval for that many seeds, by the same formula", "of the measure"),
    "width_observed": ("mean width for that many of the seeds, drawn without replacement", "of the measure"),
    "status": ("status of mean, sd, seeds_needed and width_expected", ""),
    "cv_status observed_status": ("status of cv, and of width_observed", ""),
}
COST = "of_compression"
SETTINGS = ("confidence", "resamples", "resampling_seed", "interval_width")
LOCAL = True


# The numbers of seeds for which the width of the interval is given.
SIZES = (5, 10, 15, 20, 30, 40, 50)
MOST_SEEDS = 1_000_000


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
    One row per run, layer, estimator, bound, measure and number of seeds `seeds`, with the columns of `COLUMNS`.
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
