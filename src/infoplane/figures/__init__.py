"""The figures: one module each, found by its file, drawn from the tables alone.

A figure is a module in this folder that defines `draw`. It declares, as literal constants at its top,

- TABLES: the names of the tables that it reads, of those below;
- TITLE and CAPTION: what it shows, the caption in reStructuredText, in which {confidence} stands for the level of the
  intervals and {measure} for the definition of the measure of compression, as the study sets them;
- PER_ESTIMATOR = True if one figure is made for every estimator; `draw` then takes `estimator`, its name;
- SETTINGS, if it uses settings of the statistics: "confidence" (0.95) or "measure" (of compression: drop, balance or
  final), which `draw` then takes under these names;
- PAPER, if it corresponds to a figure of Chelombiev, Houghton & O'Donnell (2019): which.

`draw(tables)` takes the tables by name and returns a matplotlib Figure. To add a figure, add such a module; there
is no list to extend. Importing this package reads the declarations from the source and imports neither matplotlib
nor pandas: Snakemake does it each time it parses the workflow.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infoplane import claims, statistics
from infoplane.declarations import constants, discover, refuse_unknown
from infoplane.errors import InfoplaneError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TABLES = (*statistics.JOINED, *statistics.TABLES, *claims.OF_SENSITIVITY)
FORMATS = ("svg", "png", "pdf", "rst")
SETTINGS = ("confidence", "measure")

# Of each declaration its type, and its value where it may be left out.
_DECLARATIONS: Mapping[str, tuple[type, Any]] = {
    "TABLES": (tuple, None),
    "TITLE": (str, None),
    "CAPTION": (str, None),
    "PER_ESTIMATOR": (bool, False),
    "SETTINGS": (tuple, ()),
    "PAPER": (str, ""),
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a figure's module says about itself."""

    name: str
    tables: tuple[str, ...]
    title: str
    caption: str
    per_estimator: bool
    settings: tuple[str, ...]
    paper: str

    @property
    def of_scans(self) -> bool:
        """Whether it reads a table that only studies with scans have, and so is made for scans."""
        return any(table in statistics.OF_SCANS for table in self.tables)

    @property
    def of_sensitivity(self) -> bool:
        """Whether it reads a table that only studies with the section `sensitivity` have."""
        return any(table in claims.OF_SENSITIVITY for table in self.tables)


def declaration(name: str, source: str) -> Declaration | None:
    """What the source of a figure's module declares; None if it does not define `draw`, so is no figure.

    Raises InfoplaneError if a declaration is missing, is not a literal or names an unknown table or setting.
    """
    who = f"the figure {name}"
    values = constants(who, source, "draw", _DECLARATIONS)
    if values is None:
        return None
    refuse_unknown(who, "reads the table", values["tables"], TABLES)
    refuse_unknown(who, "takes the setting", values["settings"], SETTINGS)
    return Declaration(name, **values)


FIGURES: Mapping[str, Declaration] = discover(Path(__file__).parent, declaration)
"""Every figure by name."""


def draw(name: str, tables: Mapping[str, pd.DataFrame], *, estimator: str | None = None, **settings: Any) -> Figure:
    """Draw one figure in the style of all figures; `estimator` for those that are made per estimator.

    `settings` are those that the figure declares; one that is left out has the default of the figure's `draw`.
    Raises InfoplaneError for an unknown figure, a table that is missing, a setting that the figure does not take,
    or an estimator that is missing, superfluous or not in the tables.
    """
    from infoplane.figures.parts import selection
    from infoplane.presentation import style

    if name not in FIGURES:
        raise InfoplaneError(f"There is no figure {name!r}; there are {', '.join(FIGURES)}.")
    figure = FIGURES[name]
    missing = [table for table in figure.tables if table not in tables]
    if missing:
        raise InfoplaneError(f"The figure {name} needs the table {missing[0]!r}; given are {', '.join(tables)}.")
    if figure.per_estimator != (estimator is not None):
        raise InfoplaneError(f"The figure {name} takes {'an' if figure.per_estimator else 'no'} estimator.")
    unknown = [setting for setting in settings if setting not in figure.settings]
    if unknown:
        raise InfoplaneError(f"The figure {name} does not take the setting {unknown[0]!r}.")
    module = importlib.import_module(f"{__name__}.{name}")
    named = settings if estimator is None else {**settings, "estimator": estimator}
    with style.context():
        drawn: Figure = module.draw(selection.with_dead(tables), **named)
    return drawn


def render(
    name: str,
    tables: Mapping[str, pd.DataFrame],
    outputs: Sequence[Path],
    *,
    estimator: str | None = None,
    part: str = "all",
    **settings: Any,
) -> None:
    """Draw one figure and write it to every path of `outputs`, whose endings say in which form.

    `part` is the part of the samples that the tables are of, which the caption names.
    The forms are .svg, .png, .pdf, and .rst for the caption with the settings behind the figure. Equal tables give
    equal bytes: no date is written and the identifiers in SVG have a fixed salt. Text in SVG is paths, so that it
    looks the same without our fonts; PDF embeds the font and keeps text as text. Raises what `draw` raises, and
    InfoplaneError for another ending.
    """
    from infoplane.figures.parts.captions import caption
    from infoplane.files.storage import replacing
    from infoplane.presentation import style

    for path in outputs:
        if path.suffix[1:] not in FORMATS:
            raise InfoplaneError(f"{path}: a figure is written as {', '.join(FORMATS)}, not as {path.suffix!r}.")
    figure = draw(name, tables, estimator=estimator, **settings)
    dates: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    for path in outputs:
        kind = path.suffix[1:]
        with style.context(), replacing(path) as temporary:
            if kind == "rst":
                text = caption(FIGURES[name], tables, estimator=estimator, part=part, **settings)
                temporary.write_text(text, encoding="utf-8")
            else:
                figure.savefig(temporary, format=kind, metadata={"Title": FIGURES[name].title, **dates[kind]})
