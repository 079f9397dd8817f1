"""One series of estimates as arrays, from which the claims are computed under many settings of the analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from infoplane.activation_functions import ACTIVATION_FUNCTIONS
from infoplane.errors import InfoplaneError
from infoplane.statistics.comparability import SettingsOfRuns, families, settings_of
from infoplane.statistics.dead import is_left_out
from infoplane.statistics.frames import GENERALISATION, MEASURES, settings_of_runs
from infoplane.statistics.inference.resampling import Floats

# Of every layer, and of a seed as a whole.
_OF_LAYERS = (*MEASURES, "i_tx_end", "i_tx_maximum", "at_ceiling")
_OF_SEEDS = tuple(dict.fromkeys([*GENERALISATION, "accuracy_gap"]))

# run -> its seeds, ascending, and I(T;X) in bits, (seeds, layers, epochs)
Trajectories = Mapping[str, tuple[NDArray[np.int64], Floats]]
# (run, seed) -> the layer whose activity is the largest of the network, over all recorded epochs
Owners = Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class OfRun:
    """The seeds of a run that did not diverge and are not dead, ascending.

    Shapes are (seeds,), (seeds, layers) and (seeds, layers, epochs). `owner` is the layer that owns the network's
    largest activity, 0 where that is not known. `trajectories` are of I(T;X) in bits, and None where they are not at
    hand.
    """

    seeds: NDArray[np.int64]
    of_layers: Mapping[str, Floats]
    of_seeds: Mapping[str, Floats]
    owner: NDArray[np.int64]
    trajectories: Floats | None

    def by_seed(self, column: str) -> pd.Series:
        """A quantity of the seeds as a whole, by seed."""
        return pd.Series(self.of_seeds[column], index=self.seeds)


class Series:
    """The compression under one estimator and bound, and the runs that the claims speak of."""

    def __init__(
        self,
        compression: pd.DataFrame,
        settings: SettingsOfRuns,
        *,
        owners: Owners | None = None,
        trajectories: Trajectories | None = None,
    ) -> None:
        """`compression` has one estimator and bound, `settings` all settings of every run.

        Raises InfoplaneError if a seed lacks a layer, or a run its settings.
        """
        first = compression.iloc[0]
        self.estimator, self.bound, self.method, self.assumption = (
            str(first[name]) for name in ("estimator", "bound", "method", "assumption")
        )
        self.runs = settings_of_runs(compression)
        self.datasets = self.runs["dataset"].nunique()
        self.depths = compression["n_layers"].unique().tolist()
        self.seeds = np.unique(compression["seed"].to_numpy(np.int64))
        self.activation = dict(zip(self.runs["run"], self.runs["activation"], strict=True))
        self.of_run = {
            str(run): _of_run(str(run), rows, owners or {}, (trajectories or {}).get(str(run)))
            for run, rows in compression.groupby("run", sort=False, observed=True)
        }
        self.settings = settings_of(list(self.of_run), settings)
        # The runs without a penalty that differ in their activation function alone: the largest set, if several.
        self.family: list[str] = max(families(self.settings), key=len, default=[])

    def saturating(self, run: str) -> bool:
        """Whether an activation function of the run's hidden layers is bounded on both sides."""
        names = self.activation[run].split("-")
        return any(name in ACTIVATION_FUNCTIONS and ACTIVATION_FUNCTIONS[name].function_range for name in names)

    def scores(self, runs: Sequence[str], column: str, *, common: bool) -> tuple[pd.DataFrame, str]:
        """`mean_over_layers` of a quantity of the hidden layers."""
        found = {run: self.of_run[run] for run in runs}
        return mean_over_layers(
            {
                run: (own.seeds, own.of_layers[column][:, :-1], own.of_layers["at_ceiling"][:, :-1])
                for run, own in found.items()
            },
            common=common,
        )


def _of_run(
    run: str, rows: pd.DataFrame, owners: Owners, trajectories: tuple[NDArray[np.int64], Floats] | None
) -> OfRun:
    rows = rows.sort_values(["seed", "layer"])
    n_layers = int(rows["n_layers"].iloc[0])
    seeds = rows["seed"].to_numpy(np.int64).reshape(-1, n_layers) if len(rows) % n_layers == 0 else np.empty((0, 0))
    if not len(seeds) or np.any(seeds != seeds[:, :1]):
        raise InfoplaneError(f"The table compression lacks a layer of a seed of the run {run!r}.")
    kept = ~is_left_out(rows).to_numpy(np.bool_).reshape(-1, n_layers)[:, 0]

    def arrays(name: str) -> Floats:
        return np.asarray(rows[name].to_numpy(np.float64).reshape(-1, n_layers)[kept])

    chosen = seeds[kept, 0]
    return OfRun(
        seeds=chosen,
        of_layers={name: arrays(name) for name in _OF_LAYERS},
        of_seeds={name: arrays(name)[:, 0] for name in _OF_SEEDS},
        owner=np.array([owners.get((run, int(seed)), 0) for seed in chosen], dtype=np.int64),
        trajectories=None if trajectories is None else trajectories[1][np.isin(trajectories[0], chosen)],
    )


def mean_over_layers(
    of_runs: Mapping[str, tuple[NDArray[np.int64], Floats, Floats]], *, common: bool
) -> tuple[pd.DataFrame, str]:
    """The mean over the informative layers, as (seed, run), and the numbers of these layers.

    Each run has seeds (seeds,), values and at_ceiling (seeds, layers); NaN are left out. With `common` the layers are
    those that are informative in all runs, else each run has its own. Runs without such a layer or without seeds have
    no column, seeds that one of the runs lacks no row.
    """
    shares: dict[str, Floats] = {}
    for run, (_, _, at_ceiling) in of_runs.items():
        known = ~np.isnan(at_ceiling)
        share = np.full(at_ceiling.shape[1], np.nan)
        np.divide(np.where(known, at_ceiling, 0).sum(axis=0), known.sum(axis=0), out=share, where=known.any(axis=0))
        shares[run] = share
    if common and shares:
        deepest = max(map(len, shares.values()))
        known_shares = [np.where(np.isnan(share), -1, share) for share in shares.values()]
        padded = [np.pad(share, (0, deepest - len(share)), constant_values=-1) for share in known_shares]
        largest = np.max(padded, axis=0)
        shares = {run: largest[: len(share)] for run, share in shares.items()}
    found, layers = {}, {}
    for run, (seeds, values, _) in of_runs.items():
        usable = np.flatnonzero(shares[run] <= 0.5)
        known = ~np.isnan(values[:, usable])
        some = known.any(axis=1)
        if some.any():
            total = np.where(known, values[:, usable], 0).sum(axis=1)[some]
            found[run] = pd.Series(total / known.sum(axis=1)[some], index=seeds[some])
            layers[run] = " ".join(map(str, usable + 1))
    table = pd.DataFrame(found).dropna()
    named = dict.fromkeys(layers.values())
    return table, next(iter(named)) if len(named) == 1 else "; ".join(f"{run} {at}" for run, at in layers.items())


def trajectories_of(information: pd.DataFrame) -> Trajectories:
    """From the table `information`, of one estimator and bound."""
    found = {}
    for run, rows in information.groupby("run", sort=False, observed=True):
        axes = [rows[name].to_numpy() for name in ("epoch", "layer", "seed")]
        values = rows["i_tx"].to_numpy(np.float64)[np.lexsort(axes)]
        seeds = np.unique(axes[2])
        found[str(run)] = (seeds, values.reshape(len(seeds), len(np.unique(axes[1])), -1))
    return found


def owners_of(layers: pd.DataFrame) -> Owners:
    """From the table `layers`: which layer owns the largest activity of its network, over all recorded epochs.

    It is its activity that one range of bins for all layers is made for. Epochs after divergence do not count.
    """
    largest = layers.groupby(["run", "seed", "layer"], observed=True)["activity_maximum"].max().dropna()
    at = largest.groupby(["run", "seed"], observed=True).idxmax()
    return {(str(run), int(seed)): int(layer) for run, seed, layer in at.tolist()}
