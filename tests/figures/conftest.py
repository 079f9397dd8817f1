"""Simulated tables for the tests of the figures, and a way to draw every figure."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from infoplane.statistics import compression, compression_summary, correlation


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
def with_statistics() -> Callable[[dict[str, pd.DataFrame]], dict[str, pd.DataFrame]]:
    """Adds the tables of the statistics to a study's tables."""

    def add(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        measured = compression(tables["information"], tables["training"])
        return {
            **tables,
            "compression": measured,
            "compression_summary": compression_summary(measured),
            "correlation": correlation(measured),
        }

    return add


@pytest.fixture(scope="session")
def study(simulated, with_statistics) -> dict[str, pd.DataFrame]:
    """Five runs, two of them with a penalty; two seeds of softplus and all of elu diverged."""
    settings = simulated.runs(("tanh", "relu", "softplus", "elu"), (0.015,))
    diverged = {("softplus", 0): 30, ("softplus", 2): 2, **{("elu", seed): 1 for seed in range(4)}}
    epochs = simulated.recorded_epochs(1000, 12)
    return with_statistics(
        simulated.study(settings, seeds=4, diverged=diverged, epochs=epochs, estimators=("ebab", "kde"))
    )
