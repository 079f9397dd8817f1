"""Which rows a figure shows, and the words that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from infoplane.errors import InfoplaneError
from infoplane.presentation import style
from infoplane.statistics.dead import dead_networks, is_left_out
from infoplane.statistics.frames import settings_of_runs

# What stands in the panel of a run without a seed to show.
NONE_LEFT = "all seeds diverged or are dead"


def of_estimator(table: pd.DataFrame, estimator: str) -> pd.DataFrame:
    """The rows of one estimator. Raises InfoplaneError if there are none."""
    chosen = table[table["estimator"] == estimator]
    if chosen.empty:
        known = ", ".join(map(str, table["estimator"].unique())) or "none"
        raise InfoplaneError(f"The tables have no estimator {estimator!r}; they have {known}.")
    return chosen


def bounds(table: pd.DataFrame) -> list[str]:
    """The bounds in a table of one estimator, the upper before the lower."""
    return sorted(map(str, table["bound"].unique()), reverse=True)


def label(table: pd.DataFrame) -> str:
    """What figures call the estimator of a table that has one."""
    first = table.iloc[0]
    return style.estimator_label(str(first["estimator"]), str(first["method"]))


def with_dead(tables: Mapping[str, pd.DataFrame]) -> Mapping[str, pd.DataFrame]:
    """The tables, of which `training` has the column dead as well: what it cannot say itself the others know."""
    known = next((tables[name] for name in ("layers", "information", "scans") if name in tables), None)
    if "training" not in tables or known is None:
        return tables
    training = tables["training"]
    dead = dead_networks(known)
    keys = zip(training["run"], training["seed"], strict=True)
    return {**tables, "training": training.assign(dead=[(str(run), int(seed)) in dead for run, seed in keys])}


def without_lost(table: pd.DataFrame, training: pd.DataFrame) -> pd.DataFrame:
    """The rows of `table` whose run and seed did not diverge and are not dead."""
    kept = seeds(training)
    kept = kept.loc[~kept["left_out"], ["run", "seed"]]
    return table.merge(kept, on=["run", "seed"], how="inner")


def seeds(training: pd.DataFrame) -> pd.DataFrame:
    """One row per run and seed, with `diverged`, `dead` and `left_out`: either of the two.

    `training` may be any table with diverged or diverged_epoch. No network counts as dead where it has no column dead.
    """
    table = training.drop_duplicates(["run", "seed"], ignore_index=True)
    diverged = table["diverged"] if "diverged" in table.columns else table["diverged_epoch"] >= 0
    dead = table["dead"].astype(bool) & ~diverged if "dead" in table.columns else False
    table = table[["run", "seed"]].assign(diverged=diverged, dead=dead)
    return table.assign(left_out=is_left_out(table))


def panel_titles(training: pd.DataFrame) -> dict[str, str]:
    """The title of every run's panel; where seeds are left out a second line says how many are left."""
    titles = {}
    lost_seeds = seeds(training).groupby("run", sort=False, observed=True)["left_out"].agg(["sum", "size"])
    counts = dict(zip(lost_seeds.index, lost_seeds.to_numpy(dtype=np.int64).tolist(), strict=True))
    for run, text in style.run_labels(settings_of_runs(training)).items():
        lost, total = counts[run]
        titles[run] = f"{text}\n{total - lost} of {total} seeds" if lost else text
    return titles


def seeds_note(training: pd.DataFrame) -> str:
    """How many seeds there are per run, and which were left out, as a sentence."""
    table = seeds(training)
    counts = table.groupby("run", sort=False, observed=True)["diverged"].agg(["sum", "size"])
    low, high = int(counts["size"].min()), int(counts["size"].max())
    n = f"{low}" if low == high else f"{low} to {high}"
    text = f"{n} seed{'' if high == 1 else 's'} per run"
    labels = style.run_labels(settings_of_runs(training))

    def named(reason: str) -> str:
        lost = table.groupby("run", sort=False, observed=True)[reason].agg(["sum", "size"])
        lost = lost[lost["sum"] > 0]
        return "; ".join(f"{labels[str(run)]}: {row['sum']} of {row['size']}" for run, row in lost.iterrows())

    text += f"; diverged and left out: {named('diverged')}" if table["diverged"].any() else ", none diverged"
    text += f"; dead and left out: {named('dead')}" if table["dead"].any() else ""
    return f"{text}."


def assumption_note(table: pd.DataFrame) -> str:
    """The assumption under which one estimator's numbers hold, as a sentence."""
    texts = list(dict.fromkeys(map(str, table["assumption"].unique())))
    return f"{label(table)}: {'; '.join(texts)}."


def last_epoch(table: pd.DataFrame) -> int:
    """The last epoch of any run."""
    return int(table["epoch"].max())


def entropies(table: pd.DataFrame) -> tuple[float, float]:
    """The largest H(X) and H(Y) in bits."""
    return float(table["h_x"].max()), float(table["h_y"].max())


def number(value: float) -> str:
    """A correlation for text: two decimals, a true minus sign and no negative zero."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


def p_text(value: float) -> str:
    """A p value for text."""
    if np.isnan(value):
        return "p not estimable"
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}" if value < 0.1 else f"p = {value:.2f}"


def span(values: Iterable[float], margin: float = 0.06) -> tuple[float, float]:
    """Limits of an axis that hold all finite values, with a margin on both sides."""
    finite = np.asarray([value for value in values if np.isfinite(value)], dtype=np.float64)
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    # Equal values still need an axis with some length.
    room = margin * (high - low) if high - low > 1e-9 else max(0.05 * abs(high), 0.01)
    return low - room, high + room
