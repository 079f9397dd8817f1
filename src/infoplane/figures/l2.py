"""What the L2 penalty does to compression, to the gap between training and test, and to the layers' distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from infoplane.figures.parts import planes, selection
from infoplane.figures.parts.measures import MEASURES, percent
from infoplane.figures.parts.panels import Section, line_handles, page, say
from infoplane.presentation import style
from infoplane.presentation.style import Look
from infoplane.statistics.dead import is_left_out
from infoplane.statistics.frames import settings_of_runs
from infoplane.statistics.inference.intervals import mean_intervals
from infoplane.statistics.spread import spreads

TABLES = ("compression", "effects")
TITLE = "L2 penalty"
CAPTION = """\
**L2 penalty**, for every run without a penalty beside the runs that differ from it in their L2 penalty alone. Left:
compression of each layer. {measure} Middle: :math:`I(T;X)` of each layer at the end, in bits, under the dashed ceiling
:math:`H(X)`, and (black) the standard deviation of these values over the layers of a network that are below the ceiling
for at least half of the seeds of each run, the spread of the table effects: 0 if these layers carry the same
information. Right: the difference of training and test accuracy at the end; every point is a seed. Markers are means
over the seeds that all these runs have, without diverged and dead ones; bars are their {confidence} intervals
(Student's t). The penalties are spaced evenly, not to scale.
"""
PER_ESTIMATOR = True
PAPER = "a later figure"
SETTINGS = ("confidence", "measure")


def draw(
    tables: Mapping[str, pd.DataFrame], *, estimator: str = "ebab", confidence: float = 0.95, measure: str = "drop"
) -> Figure:
    """Three panels per activation function with several penalties, for each bound of the estimator."""
    table = selection.of_estimator(tables["compression"], estimator)
    settings = settings_of_runs(table).set_index("run")
    swept = _swept(tables["effects"], settings)
    labels = style.run_labels(settings.reset_index())
    blocks = [(baseline, bound) for baseline in swept for bound in selection.bounds(table)]
    layers = style.layer_looks(int(table["n_layers"].max()))
    spread = Look(style.INK, "x", "-", "standard deviation over layers")

    shown = [run for runs in swept.values() for run in runs]
    headings = ["compression", "layers at the end", "gap between training and test"]
    sections = [
        Section(
            headings,
            ", ".join(filter(None, [labels[baseline], style.bound_label(bound)])),
            "L2 penalty",
        )
        for baseline, bound in blocks
    ]
    result = page(
        f"{TITLE}: {selection.label(table)}",
        sections or [Section([""])],
        footer=f"{selection.assumption_note(table)} Markers: mean; bars: {percent(confidence)} interval of the mean; "
        f"{selection.seeds_note(table[table['run'].isin(shown)] if swept else table)}",
        columns=3,
        height=1.7,
        share_x=False,
        share_y=False,
        left=0.5,
        legend=[*line_handles([*layers.values(), spread], markers=True), planes.input_ceiling_handle(table)],
    )
    if not blocks:
        say(result.axes[0][0], "no run of this study differs from one without a penalty in its L2 penalty alone")
        result.axes[0][0].set_axis_off()
    kept = table[~is_left_out(table)]
    for (baseline, bound), axes in zip(blocks, result.axes, strict=False):
        runs = swept[baseline]
        positions = {run: index for index, run in enumerate(runs)}
        part = kept[kept["run"].isin(runs) & (kept["bound"] == bound)]
        # Seeds are compared with themselves, as in the table effects.
        in_all = part.groupby("seed")["run"].transform("nunique") == part["run"].nunique()
        part = part[in_all].assign(position=part["run"].map(positions))
        activation = str(settings.loc[baseline, "activation"])
        for axis, column, label in zip(
            axes, (measure, "i_tx_end"), (MEASURES[measure].label, planes.X_LABEL), strict=False
        ):
            for rank, (layer, look) in enumerate(layers.items()):
                shift = 0.05 * (rank - (len(layers) - 1) / 2)
                _draw_means(axis, part[part["layer"] == layer], column, look, shift, confidence)
            axis.set_ylabel(label)
        # The spread is a property of a network: one value per seed.
        networks, _ = spreads(part, runs)
        networks = networks.assign(position=networks["run"].map(positions))
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
            _penalty_axis(axis, settings.loc[runs, "l2"].tolist())
        axes[1].set_yticks(planes.ticks(axes[1].get_ylim()[1]))
    return result.figure


def _swept(effects: pd.DataFrame, settings: pd.DataFrame) -> dict[str, list[str]]:
    """Every run without a penalty, as itself and the otherwise equal runs with an L2 penalty, ascending in it."""
    pairs = effects.loc[effects["baseline"].notna(), ["run", "baseline"]].drop_duplicates()
    pairs = pairs.assign(l2=settings.loc[pairs["run"], "l2"].to_numpy())
    pairs = pairs[settings.loc[pairs["run"], "weight_decay"].to_numpy() == 0].sort_values("l2", kind="stable")
    return {
        str(run): [str(run), *pairs.loc[pairs["baseline"] == run, "run"]]
        for run in settings.index
        if (pairs["baseline"] == run).any()
    }


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
