"""Which layers and networks are dead: results to be told, and no compression.

A layer is dead at an epoch where no unit of it varies: each has the same activity for all samples. A network is dead
if one of its layers is dead at the last recorded epoch: what it puts out does not depend on what is put in. It has
lost all information, but nothing that it had learned, so that no statistic is made of it.
"""

from __future__ import annotations

import pandas as pd

# The column of the tables information and layers with the number of units of a layer that vary over samples; NaN once
# the network has diverged.
VARYING_UNITS = "varying_units"


def dead_layers(table: pd.DataFrame) -> pd.DataFrame:
    """The run, seed and layer of every layer that is dead at the run's last recorded epoch, each once.

    `table` is `information` or `layers`, with run, seed, layer, epoch and varying_units.
    """
    constant = table.loc[table[VARYING_UNITS] == 0, ["run", "seed", "layer", "epoch"]]
    last = table.groupby("run", observed=True)["epoch"].max()
    at_last = constant["epoch"].to_numpy() == last.reindex(constant["run"]).to_numpy()
    found: pd.DataFrame = constant.loc[at_last, ["run", "seed", "layer"]].drop_duplicates(ignore_index=True)
    return found


def dead_networks(table: pd.DataFrame) -> set[tuple[str, int]]:
    """The run and seed of every network with a dead layer, from a table as `dead_layers` takes it."""
    found = dead_layers(table)
    return {(str(run), int(seed)) for run, seed in zip(found["run"], found["seed"], strict=True)}


def is_left_out(compression: pd.DataFrame) -> pd.Series:
    """The rows of networks that no statistic is made of: those that diverged, and those that are dead.

    The one place that decides it, for tables, claims and figures alike.
    """
    return compression["diverged"].astype(bool) | compression["dead"].astype(bool)


def lost_networks(compression: pd.DataFrame) -> dict[str, int]:
    """How many networks diverged and how many are dead: n_diverged and n_dead."""
    networks = compression.drop_duplicates(["run", "seed"])
    return {f"n_{name}": int(networks[name].sum()) for name in ("diverged", "dead")}
