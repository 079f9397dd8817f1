"""What the number of bins, or the noise, does to the answer: information against one setting of an estimator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from infoplane.figures.parts import planes, selection
from infoplane.figures.parts.curves import GAP, RIGHT, draw_curve, draw_layers
from infoplane.figures.parts.measures import percent
from infoplane.figures.parts.panels import Section, line_handles, page, say
from infoplane.presentation import style
from infoplane.presentation.style import Look
from infoplane.statistics.inference.intervals import mean_intervals

TABLES = ("scans", "training")
TITLE = "Information against a setting of the estimator"
CAPTION = """\
**Information against a setting of the estimator**: :math:`I(T;X)` and :math:`I(T;Y)` of each layer in bits, at the
first recorded epoch (dotted) and at the last (solid), for every value of the setting that the scan has. One panel per
run. Lines are means over the seeds that did not diverge and are not dead, bands their {confidence} intervals at the
last epoch (Student's t). Of a method that bounds the information the upper bound is shown. Dashed grey lines are the
ceilings :math:`H(X)` and :math:`H(Y)`. Where a curve is flat, the answer does not hang on the setting. The number at
the end of a curve is the layer.
"""
PER_ESTIMATOR = True
SETTINGS = ("confidence",)

_DOTTED = (0, (1, 1.2))


def draw(tables: Mapping[str, pd.DataFrame], *, estimator: str, confidence: float = 0.95) -> Figure:
    """I(T;X) of every run, then I(T;Y); `estimator` is the name of the scan."""
    training = tables["training"]
    table = selection.of_estimator(tables["scans"], estimator)
    table = table[table["bound"] == selection.bounds(table)[0]]
    values = list(dict.fromkeys(table["value"]))
    table = table.assign(place=table["value"].map(dict(zip(values, _places(values), strict=True))))
    kept = selection.without_lost(table, training)
    titles = selection.panel_titles(training)
    usual = style.layer_looks(int(table["n_layers"].max()))
    looks = {layer: replace(look, dashes="-") for layer, look in usual.items()}
    bound = style.bound_label(selection.bounds(table)[0])
    key = str(table["varied"].iloc[0]).replace("_", " ")
    ceilings = dict(zip(("i_tx", "i_ty"), selection.entropies(table), strict=True))
    sections = [
        Section(list(titles.values()), heading, key, label)
        for heading, label in (
            ("Information about the input", planes.X_LABEL),
            ("Information about the label", planes.Y_LABEL),
        )
    ]
    style_of_times = [Look(style.INK, "", _DOTTED, "first epoch"), Look(style.INK, "", "-", "last epoch")]
    result = page(
        f"{TITLE}: {selection.label(table)}, {key}",
        sections,
        footer=f"{selection.assumption_note(table)} {bound and f'Shown: {bound}. '}Lines: mean; bands: "
        f"{percent(confidence)} interval of the mean at the last epoch; {selection.seeds_note(training)}",
        height=1.1,
        gap=GAP,
        right=RIGHT,
        legend=[*line_handles([*looks.values(), *style_of_times]), planes.ceiling_handle(table)],
    )
    for axes, (column, ceiling) in zip(result.axes, ceilings.items(), strict=True):
        for run, axis in zip(titles, axes, strict=True):
            _axis(axis, values)
            axis.set_ylim(-0.03 * ceiling, 1.06 * max(ceiling, float(kept[column].max())))
            axis.set_yticks(planes.ticks(axis.get_ylim()[1]))
            planes.draw_ceiling(axis, table, run, column)
            of_run = kept[kept["run"] == run]
            if of_run.empty:
                say(axis, selection.NONE_LEFT)
                continue
            _draw_run(axis, of_run, column, looks, confidence)
    return result.figure


def _draw_run(axis: Axes, rows: pd.DataFrame, column: str, looks: Mapping[int, Look], confidence: float) -> None:
    """The curves of a run's layers at the first and the last recorded epoch, and the numbers of the layers."""
    first, last = (
        mean_intervals(rows[rows["epoch"] == epoch], ["layer", "place"], column, confidence=confidence).sort_values(
            "place"
        )
        for epoch in (rows["epoch"].min(), rows["epoch"].max())
    )
    for layer, look in looks.items():
        dotted = replace(look, dashes=_DOTTED)
        draw_curve(axis, first[first["layer"] == layer], dotted, along="place", band=False)
    draw_layers(axis, last, looks, along="place")


def _places(values: list[str]) -> list[float]:
    """Where the values lie on the axis: in ascending order, each a step from the next, or in order if not numbers."""
    found = [json.loads(value) for value in values]
    numbers = all(isinstance(value, int | float) for value in found)
    order = sorted(found) if numbers else found
    return [float(order.index(value)) for value in found]


def _axis(axis: Axes, values: list[str]) -> None:
    ticks = sorted(zip(_places(values), map(_text, values), strict=True))
    axis.xaxis.set_major_locator(FixedLocator([place for place, _ in ticks]))
    axis.xaxis.set_major_formatter(FixedFormatter([text for _, text in ticks]))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(-0.2, len(ticks) - 0.8)


def _text(value: str) -> str:
    found = json.loads(value)
    return f"{found:g}" if isinstance(found, int | float) else str(found).replace("_", " ")
