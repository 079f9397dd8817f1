"""Which rows a figure shows, and the words that say so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from infoplane.errors import InfoplaneError
from infoplane.figures import style
from infoplane.statistics.dead import VARYING_UNITS, dead_networks
from infoplane.statistics.frames import settings_of_runs


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


def without_lost(table: pd.DataFrame, training: pd.DataFrame) -> pd.DataFrame:
    """The rows of `table` whose network neither diverged nor is dead, as far as the two tables tell."""
    networks = seeds(training, table)
    kept = networks.loc[~networks["diverged"] & ~networks["dead"], ["run", "seed"]]
    return table.merge(kept, on=["run", "seed"], how="inner")


def seeds(table: pd.DataFrame, *others: pd.DataFrame) -> pd.DataFrame:
    """One row per run and seed of `table`, with `diverged` and `dead`.

    `table` is training or compression. Which networks are dead is known from compression, or from one of `others`
    that has varying_units (information or layers); else none is taken to be.
    """
    networks = table.drop_duplicates(["run", "seed"], ignore_index=True)
    found = networks[["run", "seed"]].copy()
    found["diverged"] = networks["diverged"] if "diverged" in networks else networks["diverged_epoch"] >= 0
    dead = {pair for other in others if VARYING_UNITS in other for pair in dead_networks(other)}
    of_table = networks["dead"] if "dead" in networks else pd.Series(False, index=networks.index)
    pairs = zip(found["run"].astype(str), found["seed"].astype(int), of_table.astype(bool), strict=True)
    found["dead"] = [known or (run, seed) in dead for run, seed, known in pairs]
    return found


def _lost(table: pd.DataFrame, others: Sequence[pd.DataFrame]) -> dict[str, dict[str, int]]:
    """By run: how many seeds there are (size), and how many of them diverged and are dead."""
    grouped = seeds(table, *others).groupby("run", sort=False, observed=True)
    counts = grouped[["diverged", "dead"]].sum().assign(size=grouped.size())
    return {str(run): {str(k): int(n) for k, n in row.items()} for run, row in counts.to_dict("index").items()}


def panel_titles(training: pd.DataFrame, *others: pd.DataFrame) -> dict[str, str]:
    """The title of every run's panel; where seeds are left out a second line says how many are left.

    `others` as of `seeds`.
    """
    titles = {}
    counts = _lost(training, others)
    for run, text in style.run_labels(settings_of_runs(training)).items():
        total, left_out = counts[run]["size"], counts[run]["diverged"] + counts[run]["dead"]
        titles[run] = f"{text}\n{total - left_out} of {total} seeds" if left_out else text
    return titles


def seeds_note(table: pd.DataFrame, *others: pd.DataFrame) -> str:
    """How many seeds there are per run, and which were left out and why, as a sentence; `others` as of `seeds`."""
    counts = _lost(table, others)
    sizes = [row["size"] for row in counts.values()]
    n = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    text = f"{n} seed{'' if max(sizes) == 1 else 's'} per run"
    labels = style.run_labels(settings_of_runs(table))
    parts = []
    for column in ("diverged", "dead"):
        named = [f"{labels[run]}: {row[column]} of {row['size']}" for run, row in counts.items() if row[column]]
        if named:
            parts.append(f"{column} and left out: {'; '.join(named)}.")
    if not parts:
        return f"{text}, none diverged or dead."
    return f"{text}; " + " ".join([parts[0], *(f"D{part[1:]}" for part in parts[1:])])


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
