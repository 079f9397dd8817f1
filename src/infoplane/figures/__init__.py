"""The figures: one module each, found by its file, drawn from the tables alone.

A figure is a module in this folder that defines `draw`. It declares, as literal constants at its top,

- TABLES: the names of the tables that it reads (training, information, layers, compression, compression_summary,
  correlation);
- TITLE and CAPTION: what it shows, the caption in reStructuredText;
- PER_ESTIMATOR = True if one figure is made for every estimator; `draw` then takes `estimator`, its name.

`draw(tables)` takes the tables by name and returns a matplotlib Figure. To add a figure, add such a module; there
is no list to extend. Importing this package reads the declarations from the source and imports neither matplotlib
nor pandas: Snakemake does it each time it parses the workflow.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from infoplane.errors import InfoplaneError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TABLES = ("training", "information", "layers", "compression", "compression_summary", "correlation")
FORMATS = ("svg", "png", "pdf")

_DECLARATIONS: Mapping[str, type] = {"TABLES": tuple, "TITLE": str, "CAPTION": str, "PER_ESTIMATOR": bool}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a figure's module says about itself."""

    name: str
    tables: tuple[str, ...]
    title: str
    caption: str
    per_estimator: bool


def declaration(name: str, source: str) -> Declaration | None:
    """What the source of a figure's module declares; None if it does not define `draw`, so is no figure.

    Raises InfoplaneError if a declaration is missing, is not a literal or names an unknown table.
    """
    body = ast.parse(source).body
    if not any(isinstance(statement, ast.FunctionDef) and statement.name == "draw" for statement in body):
        return None
    values: dict[str, Any] = {"PER_ESTIMATOR": False}
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            key = statement.targets[0].id
            if key in _DECLARATIONS:
                try:
                    values[key] = ast.literal_eval(statement.value)
                except ValueError:
                    raise InfoplaneError(f"{key} of the figure {name} must be a literal constant.") from None
    for key, kind in _DECLARATIONS.items():
        if not isinstance(values.get(key), kind):
            raise InfoplaneError(f"The figure {name} must declare {key}, a literal {kind.__name__}.")
    unknown = [table for table in values["TABLES"] if table not in TABLES]
    if unknown:
        raise InfoplaneError(f"The figure {name} reads the table {unknown[0]!r}; there are {', '.join(TABLES)}.")
    return Declaration(name, values["TABLES"], values["TITLE"], values["CAPTION"], values["PER_ESTIMATOR"])


def _discover(folder: Path) -> dict[str, Declaration]:
    found = (declaration(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("[!_]*.py")))
    return {figure.name: figure for figure in found if figure is not None}


FIGURES: Mapping[str, Declaration] = MappingProxyType(_discover(Path(__file__).parent))
"""Every figure by name."""


def draw(name: str, tables: Mapping[str, pd.DataFrame], *, estimator: str | None = None) -> Figure:
    """Draw one figure in the style of all figures; `estimator` for those that are made per estimator.

    Raises InfoplaneError for an unknown figure, a table that is missing, or an estimator that is missing,
    superfluous or not in the tables.
    """
    from infoplane.figures import style

    if name not in FIGURES:
        raise InfoplaneError(f"There is no figure {name!r}; there are {', '.join(FIGURES)}.")
    figure = FIGURES[name]
    missing = [table for table in figure.tables if table not in tables]
    if missing:
        raise InfoplaneError(f"The figure {name} needs the table {missing[0]!r}; given are {', '.join(tables)}.")
    if figure.per_estimator != (estimator is not None):
        raise InfoplaneError(f"The figure {name} takes {'an' if figure.per_estimator else 'no'} estimator.")
    module = importlib.import_module(f"{__name__}.{name}")
    with style.context():
        drawn: Figure = module.draw(tables) if estimator is None else module.draw(tables, estimator=estimator)
    return drawn


def render(
    name: str, tables: Mapping[str, pd.DataFrame], outputs: Sequence[Path], *, estimator: str | None = None
) -> None:
    """Draw one figure and write it to every path of `outputs`, whose endings (.svg, .png, .pdf) say in which form.

    Equal tables give equal bytes: no date is written and the identifiers in SVG have a fixed salt. Text in SVG is
    paths, so that it looks the same without our fonts; PDF embeds the font and keeps text as text. Raises what
    `draw` raises, and InfoplaneError for another ending.
    """
    from infoplane.figures import style
    from infoplane.storage import replacing

    for path in outputs:
        if path.suffix[1:] not in FORMATS:
            raise InfoplaneError(f"{path}: a figure is written as {', '.join(FORMATS)}, not as {path.suffix!r}.")
    figure = draw(name, tables, estimator=estimator)
    for path in outputs:
        kind = path.suffix[1:]
        dates: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
        with style.context(), replacing(path) as temporary:
            figure.savefig(temporary, format=kind, metadata={"Title": FIGURES[name].title, **dates})
