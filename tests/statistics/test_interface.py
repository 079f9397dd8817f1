"""What the functions of the statistics take: columns that they name where one is missing, and documented defaults."""

from __future__ import annotations

import re

import numpy as np
import pytest

from infoplane.claims.verdicts import claims
from infoplane.errors import InfoplaneError
from infoplane.statistics import declared

OF_COMPRESSION = [
    "run",
    "seed",
    "layer",
    "estimator",
    "bound",
    "drop",
    "balance",
    "final",
    "diverged",
    "dead",
    "at_ceiling",
]
DETAILS = ["n_layers", "method", "assumption", "h_x", "h_y"]
# Of each function: how it is called, and the columns without which it cannot work.
FUNCTIONS = {
    "compression": ("information", [*OF_COMPRESSION[:5], *DETAILS, "epoch", "i_tx", "i_ty", "varying_units"]),
    "compression_summary": ("compression", ["run", *OF_COMPRESSION[2:], *DETAILS]),
    "correlation": (
        "compression",
        [*OF_COMPRESSION, *DETAILS, "dataset", "test_accuracy", "test_loss", "accuracy_gap", "train_accuracy"],
    ),
    "effects": ("compression", [*OF_COMPRESSION, *DETAILS, "i_tx_end", "train_accuracy", "test_accuracy", "test_loss"]),
    "variance_components": ("compression", [*OF_COMPRESSION, *DETAILS, "activation"]),
    "seeds_needed": ("compression", [*OF_COMPRESSION, *DETAILS]),
    "phases": ("information", [*OF_COMPRESSION[:5], *DETAILS, "epoch", "i_tx", "varying_units"]),
    "claims": ("compression", [*OF_COMPRESSION[:6], "dead"]),
}


@pytest.fixture(scope="module")
def study(simulated):
    settings = simulated.runs(("tanh", "relu"), (0.015,))
    tables = simulated.study(settings, seeds=6, layers=3, estimators=("ebab",), epochs=np.arange(25))
    return {**tables, "compression": declared("compression").function()(tables["information"], tables["training"])}


@pytest.fixture(scope="module")
def call(simulated, study):
    """Calls a function with the study's tables, of which some may be others."""
    of_runs = simulated.settings_of(study)

    def run(name, settings, **others):
        tables = {**study, **others}
        measured, information, training = (tables[key] for key in ("compression", "information", "training"))
        arguments = {
            "compression": (information, training),
            "phases": (information, training),
            "effects": (measured, of_runs),
            "variance_components": (measured, of_runs),
            "claims": (measured, information, tables["layers"], simulated.RULES, of_runs),
        }.get(name, (measured,))
        return (claims if name == "claims" else declared(name).function())(*arguments, **settings)

    return run


@pytest.mark.parametrize(("name", "column"), [(name, column) for name in FUNCTIONS for column in FUNCTIONS[name][1]])
def test_a_column_that_is_missing_is_named(study, call, name, column):
    table = FUNCTIONS[name][0]
    with pytest.raises(InfoplaneError, match=rf"^The table {table} lacks the column '{re.escape(column)}'; it has "):
        call(name, {}, **{table: study[table].drop(columns=column)})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_table_without_rows_is_named(study, call, name):
    table = FUNCTIONS[name][0]
    with pytest.raises(InfoplaneError, match=f"^The table {table} has no rows"):
        call(name, {}, **{table: study[table][:0]})


@pytest.mark.parametrize(
    ("name", "table", "columns"),
    [
        ("compression", "training", ["train_loss", "train_accuracy", "test_loss", "test_accuracy", "diverged_epoch"]),
        ("phases", "training", ["diverged_epoch"]),
        ("claims", "information", ["estimator", "bound", "i_tx"]),
        ("claims", "layers", ["activity_maximum"]),
    ],
)
def test_so_is_one_of_the_other_tables(study, call, name, table, columns):
    for column in columns:
        with pytest.raises(InfoplaneError, match=f"^The table {table} lacks the column '{column}'; it has "):
            call(name, {}, **{table: study[table].drop(columns=column)})


RESAMPLED = {"confidence": 0.95, "number": 2000, "seed": 0}
DEFAULTS = {
    "compression": {"end_share": 0.1, "ceiling_tolerance": 0.01},
    "compression_summary": {"confidence": 0.95},
    "correlation": RESAMPLED,
    "effects": RESAMPLED,
    "variance_components": {"confidence": 0.95},
    "seeds_needed": {**RESAMPLED, "width": 0.1, "sizes": (5, 10, 15, 20, 30, 40, 50)},
    "phases": {**RESAMPLED, "end_share": 0.1, "ceiling_tolerance": 0.01},
    "claims": {**RESAMPLED, "end_share": 0.1},
}
OTHER = {
    "confidence": 0.9,
    "number": 2001,
    "seed": 1,
    "end_share": 0.3,
    "ceiling_tolerance": 5.0,
    "width": 0.11,
    "sizes": (5, 10, 15, 20, 30, 40),
}


def equal(one, other):
    one, other = (tables if isinstance(tables, tuple) else (tables,) for tables in (one, other))
    return all(left.equals(right) for left, right in zip(one, other, strict=True))


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_those_that_are_documented(study, call, name):
    small = {} if name == "claims" else {"compression": study["compression"][study["compression"]["layer"] > 1]}
    usual = call(name, {}, **small)
    assert equal(usual, call(name, DEFAULTS[name], **small))
    for setting, value in OTHER.items():
        # The claims take as many resamples as their p values need, and their mean trajectory no end.
        if setting in DEFAULTS[name] and (name, setting) not in {("claims", "number"), ("claims", "end_share")}:
            assert not equal(usual, call(name, {setting: value}, **small)), setting
