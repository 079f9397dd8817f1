"""The spread of a network's layers: the standard deviation of I(T;X) between them, the same for tables and figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from infoplane.statistics.dead import is_left_out
from infoplane.statistics.inference.resampling import Floats


def informative(at_ceiling: Floats) -> NDArray[np.int64]:
    """The places of the layers that are below the ceiling H(X) for at least half of the seeds, (seeds, layers)."""
    return np.flatnonzero(at_ceiling.mean(axis=0) <= 0.5) if len(at_ceiling) else np.empty(0, dtype=np.int64)


def spread_of_layers(i_tx: Floats, layers: NDArray[np.int64]) -> Floats:
    """Standard deviation (n - 1) of I(T;X) in bits, (seeds, layers), between the layers at these places: (seeds,)."""
    return np.asarray(i_tx[:, layers].std(axis=1, ddof=1))


def spreads(compression: pd.DataFrame, runs: Sequence[str]) -> tuple[pd.DataFrame, list[int]]:
    """The spread of every network of otherwise equal runs at the end, and the layers that it is taken over.

    `compression` has one estimator and bound. The layers are those that are below the ceiling H(X) for at least half
    of the seeds of each of the runs, for layers at the ceiling agree because they cannot do otherwise. Returns run,
    seed and spread (bits; no rows where fewer than two layers are left), without diverged and dead networks.
    """
    kept = compression[~is_left_out(compression)]
    tables = {}
    for run in runs:
        rows = kept[kept["run"] == run]
        if len(rows):
            tables[run] = rows.pivot_table(
                index="seed", columns="layer", values=["i_tx_end", "at_ceiling"], dropna=False
            )
    if not tables:
        return pd.DataFrame({"run": [], "seed": [], "spread": []}), []
    numbers = next(iter(tables.values()))["i_tx_end"].columns
    usable = set(range(len(numbers)))
    for table in tables.values():
        usable &= set(informative(table["at_ceiling"].to_numpy(np.float64)).tolist())
    places = np.array(sorted(usable), dtype=np.int64)
    layers = [int(layer) for layer in numbers[places]]
    if len(layers) < 2:
        return pd.DataFrame({"run": [], "seed": [], "spread": []}), layers
    found = [
        pd.DataFrame(
            {
                "run": run,
                "seed": table.index.to_numpy(),
                "spread": spread_of_layers(table["i_tx_end"].to_numpy(np.float64), places),
            }
        )
        for run, table in tables.items()
    ]
    return pd.concat(found, ignore_index=True), layers
