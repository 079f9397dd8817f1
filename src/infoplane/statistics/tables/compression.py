"""How much of I(T;X) a layer gives up during training, for every seed.

The measures, for one seed and layer with I(T;X) at the recorded epochs; the end is the mean of the last recorded
tenth of the epochs, at least one:

- drop: (largest I(T;X) - I(T;X) at the end) / largest I(T;X); 0 is none, 1 is all of it;
- balance: (sum of all decreases - sum of all increases) / (sum of both) between successive recorded epochs, in
  [-1, 1]: 1 if I(T;X) only ever falls, -1 if it only ever rises;
- final: 1 - I(T;X) at the end / H(X).

Networks that diverged or are dead (see `dead`) have no measures: they are NaN.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from infoplane.errors import InfoplaneError
from infoplane.statistics.dead import VARYING_UNITS, dead_layers, is_left_out
from infoplane.statistics.frames import MEASURES, RESOLUTION, SERIES, SERIES_DETAILS, require_columns, settings_columns

TABLES = ("information", "training")
TITLE = "Compression of every run, seed and layer, beside accuracy and loss at the end"
COLUMNS = {
    "settings seed layer estimator bound n_layers method assumption h_x h_y": "",
    "drop": ("(largest I(T;X) - I(T;X) at the end) / largest I(T;X); 0 is none, 1 is all of it", ""),
    "balance": ("(sum of all decreases - sum of all increases) / (sum of both) of I(T;X), from -1 to 1", ""),
    "final": ("1 - I(T;X) at the end / H(X)", ""),
    "i_tx_start": ("I(T;X) at the first recorded epoch", "bits"),
    "i_tx_maximum": ("largest I(T;X)", "bits"),
    "i_tx_end i_ty_end": ("mean of I(T;X) or I(T;Y) over the end: the last recorded tenth of the epochs", "bits"),
    "epoch_of_maximum": ("first epoch within 1e-9 bits of the largest I(T;X); -1 if there is none", "epoch"),
    "end_from_epoch": ("first epoch of the end", "epoch"),
    "at_ceiling": ("whether I(T;X) stays within 0.01 bits of H(X), so that compression cannot show", ""),
    "ceiling_share": ("share of the recorded epochs at which I(T;X) is within 0.01 bits of H(X)", ""),
    "train_accuracy test_accuracy": ("mean accuracy over the end", ""),
    "accuracy_gap": ("train_accuracy - test_accuracy", ""),
    "train_loss test_loss": ("mean cross-entropy over the end", "nats"),
    "diverged": ("whether training diverged", ""),
    "diverged_epoch": ("since when; -1 is never", "epoch"),
    "layer_dead": ("whether no unit of the layer varies over samples at the last recorded epoch", ""),
    "dead": ("whether a layer of the network is dead", ""),
    "status": ("ok, or which measure is not estimable and why; no measure is missing without it", ""),
}
COST = "by_run"
RUN_BY_RUN = True


_KEYS = ["run", "seed", "layer", *SERIES]


def compression(
    information: pd.DataFrame,
    training: pd.DataFrame,
    *,
    end_share: float = 0.1,
    ceiling_tolerance: float = 0.01,
) -> pd.DataFrame:
    """The compression of every run, seed, layer, estimator and bound, beside the seed's accuracy and loss.

    `end_share` is the share of the recorded epochs that make the end; the end of accuracy and loss is the mean over the
    same epochs. `information` says how many units of the layer vary (varying_units). A layer is `at_ceiling` if its
    I(T;X) stays within `ceiling_tolerance` bits of H(X) at every recorded epoch: it then cannot show compression, and a
    drop near 0 says nothing about the network. `ceiling_share` is the share of recorded epochs that it spends there.

    Seeds that diverged or are dead stay as rows, their measures are NaN. The columns are those of `COLUMNS`.
    """
    require_columns(information, [*_KEYS, *SERIES_DETAILS, "epoch", "i_tx", "i_ty", VARYING_UNITS], "information")
    losses = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    require_columns(training, ["run", "seed", "epoch", *losses, "diverged_epoch"], "training")

    # Trajectories lie one after the other, each ascending in epoch, so that all are measured at once.
    groups = information.groupby(_KEYS, sort=False, observed=True).ngroup().to_numpy()
    order = np.lexsort((information["epoch"].to_numpy(), groups))
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) != 0])
    counts = np.diff(np.r_[starts, len(order)])
    lasts = starts + counts - 1
    epochs = information["epoch"].to_numpy(dtype=np.int64)[order]
    i_tx = information["i_tx"].to_numpy(dtype=np.float64)[order]
    i_ty = information["i_ty"].to_numpy(dtype=np.float64)[order]
    if np.any(epochs[1:][np.diff(groups[order]) == 0] == epochs[:-1][np.diff(groups[order]) == 0]):
        raise InfoplaneError("The table information has two rows for the same run, seed, layer, estimator and epoch.")

    rows = information.iloc[order[starts]][[*settings_columns(information), *_KEYS[1:], *SERIES_DETAILS]]
    rows = rows.reset_index(drop=True)
    h_x = rows["h_x"].to_numpy(dtype=np.float64)

    window = np.maximum(1, np.floor(counts * end_share + 1e-9)).astype(np.int64)
    in_window = np.arange(len(order)) >= np.repeat(lasts + 1 - window, counts)
    i_tx_end = np.add.reduceat(np.where(in_window, i_tx, 0.0), starts) / window
    i_ty_end = np.add.reduceat(np.where(in_window, i_ty, 0.0), starts) / window
    maximum = np.maximum.reduceat(i_tx, starts)

    at_maximum = i_tx >= np.repeat(maximum, counts) - RESOLUTION
    position = np.minimum.reduceat(np.where(at_maximum, np.arange(len(order)), len(order)), starts)
    has_maximum = position < len(order)
    epoch_of_maximum = np.where(has_maximum, epochs[np.where(has_maximum, position, 0)], -1)

    step = np.diff(i_tx, prepend=i_tx[:1])
    step[starts] = 0.0
    step[np.abs(step) < RESOLUTION] = 0.0
    decrease = np.add.reduceat(np.maximum(-step, 0.0), starts)
    increase = np.add.reduceat(np.maximum(step, 0.0), starts)

    near_ceiling = i_tx >= np.repeat(h_x, counts) - ceiling_tolerance
    ceiling_share = np.add.reduceat(near_ceiling.astype(np.float64), starts) / counts
    missing = np.add.reduceat(np.isnan(i_tx).astype(np.int64), starts)

    # A window of nearly equal values can have a mean above their largest by a rounding error.
    drop = np.full(len(rows), np.nan)
    np.divide(np.maximum(maximum - i_tx_end, 0.0), maximum, out=drop, where=maximum > RESOLUTION)
    balance = np.full(len(rows), np.nan)
    np.divide(decrease - increase, decrease + increase, out=balance, where=decrease + increase > 0)
    final = np.full(len(rows), np.nan)
    np.divide(h_x - i_tx_end, h_x, out=final, where=h_x > 0)

    rows = rows.assign(
        drop=drop,
        balance=balance,
        final=final,
        i_tx_start=i_tx[starts],
        i_tx_maximum=maximum,
        i_tx_end=i_tx_end,
        i_ty_end=i_ty_end,
        epoch_of_maximum=epoch_of_maximum,
        end_from_epoch=epochs[lasts + 1 - window],
        at_ceiling=ceiling_share == 1.0,
        ceiling_share=ceiling_share,
    )
    rows = rows.merge(_training_end(rows, training), on=["run", "seed", "end_from_epoch"], how="left")

    constant = dead_layers(information)
    found = rows[["run", "seed", "layer"]].merge(constant, on=["run", "seed", "layer"], how="left", indicator=True)
    rows["layer_dead"] = (found["_merge"] == "both").to_numpy() & ~rows["diverged"].to_numpy(dtype=np.bool_)
    rows["dead"] = rows.groupby(["run", "seed"], sort=False, observed=True)["layer_dead"].transform("any")
    left_out = is_left_out(rows).to_numpy()
    rows.loc[left_out, list(MEASURES)] = np.nan
    rows.loc[left_out, "at_ceiling"] = False
    rows["last_epoch"] = epochs[lasts]
    rows["status"] = _status(rows, missing, counts, constant)
    return rows.drop(columns="last_epoch")


def _training_end(rows: pd.DataFrame, training: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and loss at the end of every run and seed: means from `end_from_epoch` on."""
    ends = rows[["run", "seed", "end_from_epoch"]].drop_duplicates(ignore_index=True)
    columns = ["train_accuracy", "test_accuracy", "train_loss", "test_loss"]
    history = training[["run", "seed", "epoch", "diverged_epoch", *columns]]
    history = ends.merge(history, on=["run", "seed"], how="left")
    history = history[history["epoch"] >= history["end_from_epoch"]]
    grouped = history.groupby(["run", "seed", "end_from_epoch"], sort=False, observed=True)
    # A missing value at the end makes the mean missing, where pandas would skip it.
    complete = grouped[columns].count().eq(grouped.size(), axis=0)
    result = grouped[columns].mean().where(complete).reset_index()
    result["diverged_epoch"] = grouped["diverged_epoch"].first().to_numpy()
    if len(result) < len(ends):
        found = ends.merge(result, on=list(ends.columns), how="left", indicator=True)
        lost = found[found["_merge"] == "left_only"].iloc[0]
        raise InfoplaneError(
            f"The table training has no epochs from {lost['end_from_epoch']} on for run {lost['run']!r}, seed "
            f"{lost['seed']}, which the table information has."
        )
    result["accuracy_gap"] = result["train_accuracy"] - result["test_accuracy"]
    result["diverged_epoch"] = result["diverged_epoch"].astype(np.int64)
    result["diverged"] = result["diverged_epoch"] >= 0
    ordered = ["train_accuracy", "test_accuracy", "accuracy_gap", "train_loss", "test_loss"]
    return result[["run", "seed", "end_from_epoch", *ordered, "diverged", "diverged_epoch"]]


def _status(
    rows: pd.DataFrame, missing: NDArray[np.int64], counts: NDArray[np.int64], constant: pd.DataFrame
) -> list[str]:
    """For every row "ok", or the reasons why its measures are not estimable."""
    result = []
    undefined = rows[list(MEASURES)].isna().to_numpy()
    runs, seeds, dead, last = (rows[name].tolist() for name in ("run", "seed", "dead", "last_epoch"))
    layers_of: dict[tuple[str, int], list[int]] = {}
    for run, seed, layer in constant.itertuples(index=False):
        layers_of.setdefault((run, seed), []).append(layer)
    for index, diverged_epoch in enumerate(rows["diverged_epoch"].tolist()):
        if diverged_epoch >= 0:
            result.append(f"not estimable: diverged at epoch {diverged_epoch}")
        elif dead[index]:
            first = min(layers_of[runs[index], seeds[index]])
            result.append(
                f"not estimable: dead, no unit of layer {first} varies over samples at the last epoch, {last[index]}"
            )
        elif missing[index]:
            result.append(f"not estimable: I(T;X) is missing at {missing[index]} of {counts[index]} recorded epochs")
        elif undefined[index].any():
            reasons = {
                "drop": "drop not estimable: I(T;X) is 0 at every recorded epoch",
                "balance": "balance not estimable: I(T;X) never changes",
                "final": "final not estimable: H(X) is 0",
            }
            result.append("; ".join(reasons[name] for name, no in zip(MEASURES, undefined[index], strict=True) if no))
        else:
            result.append("ok")
    return result
