"""What the L2 penalty does to compression, to the gap between training and test, and to the layers' distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from infoplane.figures import planes, selection, style
from infoplane.figures.measures import MEASURES, percent
from infoplane.figures.panels import Section, line_handles, page, say
from infoplane.figures.style import Look
from infoplane.statistics import mean_intervals
from infoplane.statistics.frames import settings_of_runs

TABLES = ("compression",)
TITLE = "L2 penalty"
CAPTION = """\
**L2 penalty**, for every activation function that was trained with at least two penalties. Left: compression of each
layer. {measure} Middle: :math:`I(T;X)` of each layer at the end, in bits, under the dashed ceiling :math:`H(X)`, and
(black) the standard deviation of these values over the layers of a network: 0 if all layers carry the same
information. Right: the difference of training and test accuracy at the end; every point is a seed. Markers are means
over the seeds that did not diverge, bars their {confidence} intervals (Student's t). The penalties are spaced evenly,
not to scale.
"""
PER_ESTIMATOR = True
PAPER = "a later figure"
SETTINGS = ("confidence", "measure")


def draw(
    tables: Mapping[str, pd.DataFrame], *, estimator: str = "ebab", confidence: float = 0.95, measure: str = "drop"
) -> Figure:
    """Three panels per activation function with several penalties, for each bound of the estimator."""
    table = selection.of_estimator(tables["compression"], estimator)
    settings = settings_of_runs(table)
    penalties = settings.groupby("activation", sort=False, observed=True)["l2"].agg(lambda l2: sorted(set(l2)))
    swept = {str(activation): values for activation, values in penalties.items() if len(values) > 1}
    blocks = [(activation, bound) for activation in swept for bound in selection.bounds(table)]
    layers = style.layer_looks(int(table["n_layers"].max()))
    spread = Look(style.INK, "x", "-", "standard deviation over layers")

    headings = ["compression", "layers at the end", "gap between training and test"]
    sections = [
        Section(
            headings,
            ", ".join(filter(None, [style.activation_label(activation), style.bound_label(bound)])),
            "L2 penalty",
        )
        for activation, bound in blocks
    ]
    result = page(
        f"{TITLE}: {selection.label(table)}",
        sections or [Section([""])],
        footer=f"{selection.assumption_note(table)} Markers: mean; bars: {percent(confidence)} interval of the mean; "
        f"{selection.seeds_note(table[table['activation'].isin(swept)] if swept else table)}",
        columns=3,
        height=1.7,
        share_x=False,
        share_y=False,
        left=0.5,
        legend=[*line_handles([*layers.values(), spread], markers=True), planes.input_ceiling_handle(table)],
    )
    if not blocks:
        say(result.axes[0][0], "no activation function of this study was trained with more than one L2 penalty")
        result.axes[0][0].set_axis_off()
    kept = table[~table["diverged"]]
    for (activation, bound), axes in zip(blocks, result.axes, strict=False):
        part = kept[(kept["activation"] == activation) & (kept["bound"] == bound)]
        part = part.assign(position=part["l2"].map({l2: index for index, l2 in enumerate(swept[activation])}))
        for axis, column, label in zip(
            axes, (measure, "i_tx_end"), (MEASURES[measure].label, planes.X_LABEL), strict=False
        ):
            for rank, (layer, look) in enumerate(layers.items()):
                shift = 0.05 * (rank - (len(layers) - 1) / 2)
                _draw_means(axis, part[part["layer"] == layer], column, look, shift, confidence)
            axis.set_ylabel(label)
        # The spread is a property of a network: one value per seed.
        networks = part.groupby(["position", "seed"], observed=True)["i_tx_end"].std(ddof=0).reset_index(name="spread")
        _draw_means(axes[1], networks, "spread", spread, 0.0, confidence)
        axes[1].axhline(selection.entropies(part)[0], color=style.FAINT, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)
        axes[1].set_ylim(bottom=0.0)
        seeds = part.drop_duplicates(["run", "seed"])
        random = np.random.default_rng(0)  # only spreads the points across their column
        axes[2].scatter(
            seeds["position"] + random.uniform(-0.12, 0.12, len(seeds)),
            seeds["accuracy_gap"],
            s=9,
            color=style.activation_looks([activation])[activation].colour,
            edgecolor="white",
            linewidth=0.3,
            zorder=2,
        )
        _draw_means(axes[2], seeds, "accuracy_gap", Look(style.INK, "D", "-", ""), 0.0, confidence)
        axes[2].set_ylabel("training − test accuracy")
        for axis in axes:
            _penalty_axis(axis, swept[activation])
        axes[1].set_yticks(planes.ticks(axes[1].get_ylim()[1]))
    return result.figure


def _draw_means(axis: Axes, table: pd.DataFrame, column: str, look: Look, shift: float, confidence: float) -> None:
    """Means over seeds with their intervals, one per penalty, joined by a line."""
    means = (
        mean_intervals(table, ["position"], column, confidence=confidence).dropna(subset="mean").sort_values("position")
    )
    position = means["position"].to_numpy(dtype=np.float64) + shift
    axis.vlines(position, means["lower"], means["upper"], color=look.colour, linewidth=0.9, zorder=3)
    edge = look.colour if look.marker == "x" else "white"
    axis.plot(
        position,
        means["mean"],
        color=look.colour,
        linestyle=look.dashes,
        linewidth=0.8,
        marker=look.marker,
        markersize=7 if look.marker == "*" else 4.5,
        markeredgecolor=edge,
        markeredgewidth=1.0 if look.marker == "x" else 0.4,
        zorder=4,
    )


def _penalty_axis(axis: Axes, penalties: Sequence[float]) -> None:
    axis.set_xticks(range(len(penalties)), labels=[f"{l2:g}" for l2 in penalties])
    axis.set_xlim(-0.4, len(penalties) - 0.6)
    axis.yaxis.set_major_locator(MaxNLocator(5))
