"""Curves over epochs: the mean over seeds with its 95 % band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from infoplane.figures.style import Look
from infoplane.statistics import mean_intervals


def over_epochs(table: pd.DataFrame, by: Sequence[str], column: str) -> pd.DataFrame:
    """Mean and t interval of `column` over seeds, for each group of `by` and every epoch, ascending in epoch."""
    return mean_intervals(table, [*by, "epoch"], column).sort_values("epoch", kind="stable", ignore_index=True)


def draw_curve(
    axis: Axes, table: pd.DataFrame, look: Look, *, band: bool = True, width: float = 1.1, order: float = 3
) -> None:
    """One curve of `over_epochs`; no band where there is one seed. Set a logarithmic axis before."""
    epochs = table["epoch"].to_numpy()
    if band and table["lower"].notna().any():
        lower, upper = table["lower"].to_numpy(), table["upper"].to_numpy()
        if axis.get_yscale() == "log":
            # An interval that reaches zero goes out of the panel, but not to minus infinity at once.
            lower = np.maximum(lower, 0.02 * table["mean"].to_numpy())
        axis.fill_between(epochs, lower, upper, color=look.colour, alpha=0.22, linewidth=0, zorder=order - 1)
    axis.plot(epochs, table["mean"], color=look.colour, linestyle=look.dashes, linewidth=width, zorder=order)
