"""Simulated tables for the tests of the figures, and a way to draw every figure."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from infoplane.estimators import METHODS
from infoplane.estimators.interface import Layer
from infoplane.stages.distributions import _binned, _histogram
from infoplane.statistics.tables.compression import compression
from infoplane.statistics.tables.compression_summary import compression_summary
from infoplane.statistics.tables.correlation import correlation
from infoplane.statistics.tables.effects import effects
from infoplane.statistics.tables.seeds_needed import seeds_needed
from infoplane.statistics.tables.variance_components import variance_components


@pytest.fixture(scope="session")
def simulated() -> ModuleType:
    path = Path(__file__).parents[1] / "statistics" / "simulated.py"
    spec = importlib.util.spec_from_file_location("simulated", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def with_statistics(simulated: ModuleType) -> Callable[[dict[str, pd.DataFrame]], dict[str, pd.DataFrame]]:
    """Adds the tables of the statistics to a study's tables."""

    def add(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        measured = compression(tables["information"], tables["training"])
        of_runs = simulated.settings_of(tables)
        return {
            **tables,
            "compression": measured,
            "compression_summary": compression_summary(measured),
            "correlation": correlation(measured, number=200),
            "variance_components": variance_components(measured, of_runs),
            "effects": effects(measured, of_runs, number=200),
            "seeds_needed": seeds_needed(measured, number=50),
            "distributions": distributions_of(tables["information"]),
            "scans": scans_of(tables["information"]),
            **simulated.sensitivity(tables),
        }

    return add


def scans_of(information: pd.DataFrame) -> pd.DataFrame:
    """A scan for each estimator, under its name: the information falls with the value of the setting."""
    varied = {"ebab": ("bins", (30, 100, 10)), "kde": ("noise_variance", (1e-3, 1e-2, 1e-4))}
    frames = []
    for (estimator, _), rows in information.groupby(["estimator", "method"], sort=False):
        key, values = varied.get(estimator, varied["ebab"])
        for value in values:
            share = 1 - 0.2 * sorted(values).index(value)
            scaled = {name: rows[name] * share for name in ("i_tx", "i_ty")}
            frames.append(rows.assign(varied=key, value=json.dumps(value), **scaled))
    return pd.concat(frames, ignore_index=True)


def distributions_of(information: pd.DataFrame) -> pd.DataFrame:
    """The distribution of activity that is drawn at random, for the first seed of every run, and its bins."""
    settings = {"fixed_binning": {"bins": 30, "range": "network_maximum"}, "ebab": {"bins": 30}}
    generator = np.random.default_rng(0)
    frames = []
    first = information.drop_duplicates(["run", "layer"])
    for row in first.to_dict("records"):
        values = np.maximum(generator.normal(size=(500, 4)), 0).astype(np.float32) * row["layer"]
        layer = Layer(row["layer"], 0.0, None, 0.0, float(values.max()), 0.0, 30.0)
        tables = [("", "", "", _histogram(values))]
        for method, given in settings.items():
            bins = METHODS[method].bins(layer, given)(values)
            name = method.removesuffix("_binning")
            tables.append(
                (name, method, METHODS[method].describe({**given, "correction": "none"}), _binned(values, bins))
            )
        names = list(information.columns[: information.columns.get_loc("seed")])
        for estimator, method, assumption, histogram in tables:
            described = {"estimator": estimator, "method": method, "assumption": assumption}
            kept = {name: row[name] for name in [*names, "seed", "layer", "n_layers"]}
            epoch = int(information["epoch"].max())
            frames.append(pd.DataFrame({**kept, "epoch": epoch, **described, **histogram}))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="session")
def study(simulated, with_statistics) -> dict[str, pd.DataFrame]:
    """Five runs, two of them with a penalty; two seeds of softplus and all of elu diverged."""
    settings = simulated.runs(("tanh", "relu", "softplus", "elu"), (0.015,))
    diverged = {("softplus", 0): 30, ("softplus", 2): 2, **{("elu", seed): 1 for seed in range(4)}}
    epochs = simulated.recorded_epochs(1000, 12)
    return with_statistics(
        simulated.study(settings, seeds=4, diverged=diverged, epochs=epochs, estimators=("ebab", "kde"))
    )
