"""A figure's caption: what it shows, and the settings behind it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from infoplane.figures import Declaration
from infoplane.figures.parts import selection
from infoplane.figures.parts.measures import MEASURES, percent
from infoplane.presentation.escaping import restructured_text

PAPER = "Chelombiev, Houghton & O'Donnell (2019)"


def caption(
    figure: Declaration,
    tables: Mapping[str, pd.DataFrame],
    *,
    estimator: str | None = None,
    confidence: float = 0.95,
    measure: str = "drop",
    part: str = "all",
) -> str:
    """The caption in reStructuredText: the figure's own, the paper's figure that it corresponds to, and the settings.

    These are the assumption of every estimator that it shows, the part of the samples if it is not all, the number of
    seeds, and those that are left out since they diverged or are dead.
    """
    tables = selection.with_dead(tables)
    shown = figure.caption.format(confidence=percent(confidence), measure=MEASURES[measure].definition)
    paragraphs = [shown.strip()]
    if figure.paper:
        paragraphs.append(f"Corresponds to {figure.paper} of {PAPER}.")
    notes = []
    of_estimators = next((tables[name] for name in figure.tables if "assumption" in tables[name]), None)
    if of_estimators is not None:
        named = of_estimators[of_estimators["estimator"] != ""]
        if estimator is not None:
            named = selection.of_estimator(named, estimator)
        if part != "all" and "distributions" not in figure.tables:
            notes.append(f"Information is over the samples of the {part} part alone.")
        notes += [selection.assumption_note(rows) for _, rows in named.groupby("estimator", sort=False, observed=True)]
    of_seeds = [tables[name] for name in ("training", "compression") if name in figure.tables]
    if of_seeds:
        notes.append(selection.seeds_note(of_seeds[0]))
        if selection.seeds(of_seeds[0])["dead"].any():
            notes.append(
                "A network is dead if a layer of it has the same activity for all samples at the last recorded epoch."
            )
    # Names and settings are plain text: |activity| would be a substitution.
    return "\n\n".join([*paragraphs, restructured_text(" ".join(notes))]).strip() + "\n"
