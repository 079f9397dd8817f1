"""Fitting and compression phases of the mean trajectory over seeds: where I(T;X) peaks, how far it rises and falls."""

from __future__ import annotations

import numpy as np
import pandas as pd

from infoplane.statistics.dead import VARYING_UNITS, dead_networks
from infoplane.statistics.frames import RESOLUTION, SERIES, SERIES_DETAILS, require_columns, settings_columns
from infoplane.statistics.inference.resampling import FEWEST_FOR_INTERVAL, Floats, bca_interval, resamples

TABLES = ("information", "training")
TITLE = "Phases of the mean trajectory of I(T;X): where it peaks, how far it rises and falls"
COLUMNS = {
    "settings layer estimator bound n_layers method assumption h_x h_y": "",
    "n": ("seeds that did not diverge, are not dead and lack no epoch", "seeds"),
    "n_dead": "",
    "n_at_ceiling": ("of the n seeds, those within 0.01 bits of H(X) at every epoch", "seeds"),
    "epoch_of_maximum epoch_of_maximum_lower epoch_of_maximum_upper": (
        "epoch of the largest mean I(T;X), and percentiles of its bootstrap: an epoch is a place in a list",
        "epoch",
    ),
    "rise rise_lower rise_upper": ("gain of the mean I(T;X) up to its largest value, and BCa interval", "bits"),
    "fall fall_lower fall_upper": ("loss from there to the last tenth of the epochs, and BCa interval", "bits"),
    "extent extent_lower extent_upper": ("(largest - smallest) / largest mean I(T;X), and BCa interval", ""),
    "status": ("ok, not estimable: ..., or uninformative: ... where all seeds are at the ceiling", ""),
    "interval_status": ("status of the intervals", ""),
}
COST = "by_run"
SETTINGS = ("confidence", "resamples", "resampling_seed")
RUN_BY_RUN = True


# Of the mean trajectory: bits gained up to the maximum, bits lost from there to the end, and the distance between
# its largest and smallest value as a share of the largest (0: flat).
QUANTITIES = ("rise", "fall", "extent")

# Resamples whose mean trajectories are held at once.
_AT_ONCE = 10_000


def phases(
    information: pd.DataFrame,
    training: pd.DataFrame,
    *,
    end_share: float = 0.1,
    ceiling_tolerance: float = 0.01,
    confidence: float = 0.95,
    number: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """The phases of I(T;X), averaged over seeds, with bootstrap intervals over seeds.

    One row per run, layer, estimator and bound, with the columns of `COLUMNS`. The end is the mean of the last
    `end_share` of the epochs; a seed is at the ceiling if it is within `ceiling_tolerance` bits of H(X) at every epoch,
    where a phase cannot show.
    """
    needed = ["run", "seed", "epoch", "layer", *SERIES, *SERIES_DETAILS, "i_tx", VARYING_UNITS]
    require_columns(information, needed, "information")
    require_columns(training, ["run", "seed", "diverged_epoch"], "training")
    ends = training.groupby(["run", "seed"], observed=True)["diverged_epoch"].max()
    diverged = {(str(run), int(number)) for run, number in ends.index[ends.to_numpy() >= 0]}
    dead = dead_networks(information) - diverged
    left_out = diverged | dead
    described = [*settings_columns(information), "layer", *SERIES, *SERIES_DETAILS]
    rows = []
    for (run, *_), group in information.groupby(["run", "layer", *SERIES], sort=False, observed=True):
        first = dict(zip(described, group[described].iloc[0], strict=True))
        table = group.set_index(["seed", "epoch"])["i_tx"].unstack("epoch").sort_index()  # noqa: PD010
        keys = [(str(run), int(of)) for of in table.index]
        values = table[[key not in left_out for key in keys]].dropna().to_numpy(dtype=np.float64)
        ceiling = int((values >= float(first["h_x"]) - ceiling_tolerance).all(axis=1).sum())
        n_dead = len(dead.intersection(keys))
        row: dict[str, object] = {**first, "n": len(values), "n_dead": n_dead, "n_at_ceiling": ceiling}
        if not len(values):
            reason = f"not estimable: no seed of {len(table)} {'that is not dead ' if n_dead else ''}has every epoch"
            rows.append({**row, "status": reason, "interval_status": reason})
            continue
        row["status"] = "ok"
        if ceiling == len(values):
            row["status"] = "uninformative: every seed is at the ceiling H(X) for the whole training"
        epochs = table.columns.to_numpy(dtype=np.int64)
        rows.append({**row, **_located(values, epochs, end_share, confidence, number, seed)})
    numbers = [f"{name}{limit}" for name in ("epoch_of_maximum", *QUANTITIES) for limit in ("", "_lower", "_upper")]
    return pd.DataFrame(
        rows, columns=[*described, "n", "n_dead", "n_at_ceiling", *numbers, "status", "interval_status"]
    )


def _located(
    values: Floats, epochs: np.ndarray, end_share: float, confidence: float, number: int, seed: int
) -> dict[str, object]:
    n = len(values)
    place, *found = of_mean_trajectories(np.ones((1, n)), values, end_share)
    result: dict[str, object] = {"epoch_of_maximum": int(epochs[place[0]])}
    result |= {name: float(value[0]) for name, value in zip(QUANTITIES, found, strict=True)}
    if n < FEWEST_FOR_INTERVAL:
        return result | {
            "interval_status": f"not estimable: {n} seeds, {FEWEST_FOR_INTERVAL} are needed for a bootstrap interval"
        }
    drawn = resamples(n, number, seed)
    places, *bootstrap = of_mean_trajectories(drawn.counts, values, end_share)
    _, *jackknife = of_mean_trajectories(drawn.left_out, values, end_share)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    # Percentiles that are epochs themselves.
    lower, upper = np.quantile(epochs[places], tails, method="inverted_cdf").tolist()
    result |= {"epoch_of_maximum_lower": lower, "epoch_of_maximum_upper": upper}
    problems: dict[str, None] = {}
    for name, estimate, of_resamples, of_left_out in zip(QUANTITIES, found, bootstrap, jackknife, strict=True):
        low, high, status = bca_interval(float(estimate[0]), of_resamples, of_left_out, n=n, confidence=confidence)
        result |= {f"{name}_lower": low, f"{name}_upper": high}
        if status != "ok":
            problems[f"{name} {status}"] = None
    return result | {"interval_status": "; ".join(problems) or "ok"}


def of_mean_trajectories(
    weights: Floats, values: Floats, end_share: float
) -> tuple[np.ndarray, Floats, Floats, Floats]:
    """Place of the maximum, rise, fall and extent of every weighted mean trajectory, each of shape (resamples,).

    `weights` (resamples, seeds); `values` (seeds, epochs). The place is the first within 1e-9 bits of the maximum.
    """
    if len(weights) > _AT_ONCE:
        pieces = [weights[first : first + _AT_ONCE] for first in range(0, len(weights), _AT_ONCE)]
        found = zip(*(of_mean_trajectories(piece, values, end_share) for piece in pieces), strict=True)
        place, rise, fall, extent = (np.concatenate(parts) for parts in found)
        return place, rise, fall, extent
    means = weights @ values / weights.sum(axis=1)[:, None]
    largest = means.max(axis=1)
    place = (means >= largest[:, None] - RESOLUTION).argmax(axis=1)
    window = max(1, int(np.floor(values.shape[1] * end_share + 1e-9)))
    smallest = means.min(axis=1)
    extent = np.zeros(len(means))
    np.divide(largest - smallest, largest, out=extent, where=largest > RESOLUTION)
    rise = largest - means[:, 0]
    fall = np.maximum(largest - means[:, -window:].mean(axis=1), 0.0)
    return place, rise, fall, extent
