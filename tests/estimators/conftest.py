"""Activity like that of real layers, for all tests of estimators."""

from __future__ import annotations

import numpy as np
import pytest

KINDS = ("tanh", "saturated", "relu", "dead", "coarse", "large")


def _layer_like(kind, rng, samples, units):
    values = rng.normal(size=(samples, units)) * 1.5
    shapes = {
        "tanh": np.tanh(values),
        "saturated": np.tanh(values * 20),
        "relu": np.maximum(values, 0),
        "dead": np.zeros_like(values),
        "coarse": np.round(values),
        "large": 1e4 + values,
    }
    return shapes[kind].astype(np.float32)


@pytest.fixture
def layer_like():
    """A function of (kind, rng, samples, units) that returns float32 activity of one of `KINDS`."""
    return _layer_like


def pytest_generate_tests(metafunc):
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", KINDS)
