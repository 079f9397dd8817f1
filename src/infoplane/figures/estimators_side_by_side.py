"""The same networks through every estimator."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from infoplane.figures.parts import planes, selection
from infoplane.figures.parts.panels import Section, page
from infoplane.presentation import style
from infoplane.statistics.frames import settings_of_runs

TABLES = ("information", "training")
TITLE = "Information plane by estimator"
PAPER = "Figures 3 and 4"
CAPTION = """\
**Information plane by estimator**, side by side for tanh and ReLU without a penalty where the study has them, else for
its first two runs: the same networks, averaged over the same seeds, through every estimator and bound. :math:`I(T;Y)`
against :math:`I(T;X)` of each layer at every recorded epoch, both in bits. Colour is the epoch on a logarithmic scale,
the marker and the number show where a layer is at the last epoch. Dashed lines are the ceilings :math:`H(X)` and
:math:`H(Y)`. The networks are deterministic, so that whatever differs between the panels of a column is the
estimator's.
"""

_WANTED = ("tanh", "relu")


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """One block of panels per run, one panel per estimator and bound."""
    training, information = tables["training"], tables["information"]
    settings = settings_of_runs(training)
    runs = choose(settings)
    titles = {run: title.replace("\n", ", ") for run, title in selection.panel_titles(training).items()}
    table = information[information["run"].isin(runs)]
    means = planes.mean_over_seeds(table, training, ["estimator", "bound", "run", "layer", "epoch"])
    series = [
        (str(estimator), bound, selection.label(part))
        for estimator, part in table.groupby("estimator", sort=False, observed=True)
        for bound in selection.bounds(part)
    ]
    looks = style.layer_looks(int(table["n_layers"].max()))
    last = selection.last_epoch(table)
    box = planes.limits(means)
    panels = [", ".join(filter(None, [name, style.bound_label(bound)])) for _, bound, name in series]
    assumptions = " ".join(
        selection.assumption_note(table[table["estimator"] == name]) for name in table["estimator"].unique()
    )
    result = page(
        TITLE,
        [
            Section(
                [panel for panel in panels for _ in runs],
                "",
                planes.X_LABEL,
                planes.Y_LABEL,
                heads=[titles[run] for run in runs],
            )
        ],
        footer=f"{assumptions} Mean over {selection.seeds_note(training[training['run'].isin(runs)])}",
        columns=len(runs),
        height=1.1,
        legend=planes.layer_handles(looks),
        last_epoch=last,
        beside_bar=[planes.ceiling_handle(table)],
    )
    axes = iter(result.axes[0])
    for estimator, bound, _ in series:
        for run in runs:
            part = means[(means["run"] == run) & (means["estimator"] == estimator) & (means["bound"] == bound)]
            planes.draw_plane(next(axes), part, looks=looks, box=box, last=last, points_on_page=len(means))
    return result.figure


def choose(settings: pd.DataFrame) -> list[str]:
    """The runs to show: the first without an L2 penalty for tanh and for ReLU, else the study's first two runs."""
    plain = settings[settings["l2"] == 0]
    found = [plain.loc[plain["activation"] == name, "run"] for name in _WANTED]
    runs = [str(run.iloc[0]) for run in found if len(run)]
    return runs if len(runs) == len(_WANTED) else [str(run) for run in settings["run"].iloc[:2]]
