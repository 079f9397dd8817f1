"""The statistics: tables made of other tables, one module each in the folder `tables`, found by its file.

A table is a module in that folder with a function of its own name. It declares, as literal constants at its top,

- TABLES: the names of the tables that it reads, which its function takes under these names;
- TITLE: what it has;
- COLUMNS: every column in order, as {name: (what it is, its unit)}. Names with blanks between them are several columns
  of which the same is said. What columns of many tables are is said in `SHARED` below; they have "" here. The word
  `settings` stands for the settings of the run;
- COST: what the job asks for, a function of `infoplane.workflow.resources`;
- SETTINGS, if it uses settings of the statistics: of those below. Its function takes them as `SETTINGS` says;
- OF_RUNS = True if its function takes `settings`, all settings of every run by the run's name;
- RUN_BY_RUN = True if its function is called with the information of one run at a time, and the results are joined: the
  whole of a large study takes several gigabytes;
- EVERY_PART = True if its function takes every part of the samples at once, told apart by the column `part`; the others
  are made of one part;
- LOCAL = True if it is made where Snakemake runs, also on a cluster: a few seconds, and less than 250 MB in a study of
  the paper's size.

The function returns the table as a pandas DataFrame. To add a table, add such a module; there is no list to extend.
Importing this package reads the declarations from the source and does not import pandas: Snakemake does it each time it
parses the workflow.

`scipy.stats`, which takes longer to load than all the rest, is written so throughout: scipy loads it at its first use,
and figures, which need only means and their intervals, never do.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infoplane.declarations import constants, discover, refuse_unknown
from infoplane.errors import InfoplaneError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

__all__ = ["JOINED", "SETTINGS", "SHARED", "TABLES", "Declaration", "declaration", "declared"]

_FOLDER = Path(__file__).parent / "tables"
# The tables that join what the stages before the statistics wrote; `joined` describes them.
JOINED = ("training", "layers", "information", "distributions", "scans")
# Those whose rows are of a part of the samples each, by their column `part`.
OF_PARTS = ("information", "scans", "compression")
# Those that only a study with scans has.
OF_SCANS = ("scans",)
# The settings of the statistics by name, and how a table's function calls them.
SETTINGS: Mapping[str, str] = {
    "confidence": "confidence",
    "resamples": "number",
    "resampling_seed": "seed",
    "interval_width": "width",
}
# The settings of a run that stand in front of its rows, and other columns of many tables: what they are, in which unit.
_OF_RUN: Mapping[str, tuple[str, str]] = {
    "run": ("name of the run", ""),
    "dataset": ("name of the data set", ""),
    "activation": ("activation function of the hidden layers, or one of each with - between them", ""),
    "hidden_layers": ("units of the hidden layers, with - between them", "units"),
    "l2": ("factor of the L2 penalty", ""),
    "weight_decay": ("decoupled weight decay", ""),
    "learning_rate": ("learning rate of the optimiser", ""),
    "batch_size": ("samples per mini-batch; -1 is all of them, 0 not known", "samples"),
    "epochs": ("epochs of training", "epochs"),
}
SHARED: Mapping[str, tuple[str, str]] = {
    **_OF_RUN,
    "seed": ("number of the seed", ""),
    "epoch": ("the recorded epoch; 0 is the initial state", "epoch"),
    "layer": ("number of the layer, from 1; the last is the softmax output", ""),
    "estimator": ("name of the estimator", ""),
    "bound": ("upper or lower; none where the estimator has no two", ""),
    "n_layers": ("layers of the network", "layers"),
    "method": ("method of the estimator", ""),
    "assumption": ("what the estimator takes for granted, in words", ""),
    "h_x": ("entropy of the inputs, H(X)", "bits"),
    "h_y": ("entropy of the labels, H(Y)", "bits"),
    "n_diverged": ("seeds left out because training diverged", "seeds"),
    "n_dead": ("seeds left out because the network is dead", "seeds"),
    "status": ("ok, or why the numbers of the row are missing", ""),
}

# Of each declaration its type, and its value where it may be left out.
_DECLARATIONS: Mapping[str, tuple[type, Any]] = {
    "TABLES": (tuple, None),
    "TITLE": (str, None),
    "COLUMNS": (dict, None),
    "COST": (str, None),
    "SETTINGS": (tuple, ()),
    "OF_RUNS": (bool, False),
    "RUN_BY_RUN": (bool, False),
    "EVERY_PART": (bool, False),
    "LOCAL": (bool, False),
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a table's module says about itself; of each column what it is and its unit."""

    name: str
    tables: tuple[str, ...]
    title: str
    columns: Mapping[str, tuple[str, str]]
    cost: str
    settings: tuple[str, ...]
    of_runs: bool
    run_by_run: bool
    every_part: bool
    local: bool

    def function(self) -> Callable[..., pd.DataFrame]:
        """The function that makes the table."""
        made: Callable[..., pd.DataFrame] = getattr(
            importlib.import_module(f"infoplane.statistics.tables.{self.name}"), self.name
        )
        return made


def described_columns(who: str, columns: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Every column of COLUMNS by its own name. Raises InfoplaneError, which says `who`, if one is not described."""
    found: dict[str, tuple[str, str]] = {}
    for names, about in columns.items():
        for name in itertools.chain(*(_OF_RUN if word == "settings" else [word] for word in names.split())):
            of_column = about or SHARED.get(name)
            if not (isinstance(of_column, tuple) and len(of_column) == 2):
                raise InfoplaneError(
                    f"{who[0].upper()}{who[1:]} must say of the column {name} what it is and its unit."
                )
            found[name] = of_column
    return found


def declaration(name: str, source: str) -> Declaration | None:
    """What the source of a table's module declares; None if it does not define a function of its name, so is no table.

    Raises InfoplaneError if a declaration is missing, is not a literal, names what is unknown,
    or does not describe a column.
    """
    who = f"the table {name}"
    values = constants(who, source, name, _DECLARATIONS)
    if values is None:
        return None
    refuse_unknown(
        who, "reads the table", values["tables"], (*JOINED, *(path.stem for path in _FOLDER.glob("[!_]*.py")))
    )
    refuse_unknown(who, "takes the setting", values["settings"], SETTINGS)
    return Declaration(name, **{**values, "columns": described_columns(who, values["columns"])})


TABLES: Mapping[str, Declaration] = discover(_FOLDER, declaration)
"""Every table of statistics by name."""


def declared(name: str) -> Declaration:
    """The table of this name. Raises InfoplaneError if there is none."""
    if name not in TABLES:
        raise InfoplaneError(f"There is no table of statistics {name!r}; there are {', '.join(TABLES)}.")
    return TABLES[name]
