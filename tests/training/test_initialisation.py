from __future__ import annotations

import math

import numpy as np
import pytest

from infoplane.settings import Initialisation
from infoplane.training.initialisation import initial_matrix, initial_parameters, stream

UNITS, INPUTS = 300, 400


def draw(scheme, scale=None, gain=1.0, shape=(UNITS, INPUTS)):
    return initial_matrix(stream(0, 0, 0), Initialisation(scheme, scale), gain, *shape)


def test_truncated_normal_has_the_studys_spread():
    weights = draw("truncated_normal", gain=2.0)
    h = 2 / math.sqrt(INPUTS)
    assert np.abs(weights).max() <= 2 * h
    assert np.abs(weights).max() > 1.99 * h
    # The standard deviation of a normal variable that is cut at two of its standard deviations.
    assert weights.std() == pytest.approx(0.8796 * h, rel=0.01)
    assert weights.mean() == pytest.approx(0, abs=4 * h / math.sqrt(weights.size))
    np.testing.assert_allclose(draw("truncated_normal", scale=0.5, gain=2.0), weights / 4, rtol=1e-12)


@pytest.mark.parametrize("scale", [None, 3.0])
def test_glorot_he_and_orthogonal_carry_their_own_constants(scale):
    factor = scale or 1.0
    glorot, he = draw("glorot", scale, gain=2.0), draw("he", scale, gain=2.0)
    bound = factor * math.sqrt(6 / (UNITS + INPUTS))
    assert np.abs(glorot).max() == pytest.approx(bound, rel=1e-3)
    assert glorot.std() == pytest.approx(bound / math.sqrt(3), rel=0.01)
    assert he.std() == pytest.approx(factor * math.sqrt(2 / INPUTS), rel=0.01)
    for shape in ((6, 9), (9, 6), (5, 5), (1, 4)):
        q = draw("orthogonal", scale, gain=2.0, shape=shape)
        assert q.shape == shape
        product = q @ q.T if shape[0] <= shape[1] else q.T @ q
        np.testing.assert_allclose(product, factor**2 * np.eye(min(shape)), atol=1e-10)


def test_initial_parameters(make_settings):
    settings = make_settings(activations=("tanh", "prelu", "tanh", "tanh", "relu"), batch_normalisation=True)
    many = [initial_parameters(settings, seed, (12, 10, 7, 5, 4, 3, 2)) for seed in range(400)]
    # h / sqrt(fan in): 1 for tanh, 2 for the others; the output takes the last hidden layer's.
    for layer, h, inputs in ((1, 1, 12), (2, 2, 10), (3, 1, 7), (5, 2, 4), (6, 2, 3)):
        spread = np.std([one[f"layer{layer}/weights"] for one in many])
        assert spread == pytest.approx(0.8796 * h / math.sqrt(inputs), rel=0.05)
    first = many[0]
    assert all(values.dtype == np.float32 for values in first.values())
    assert [name for name in first if name.endswith("slopes")] == ["layer2/slopes"]
    assert (first["layer2/slopes"] == 0.25).all()
    for layer in range(1, 6):
        assert (first[f"layer{layer}/scale"] == 1).all()
        assert (first[f"layer{layer}/shift"] == 0).all()
    assert "layer6/scale" not in first
    assert all((first[f"layer{layer}/biases"] == 0).all() for layer in range(1, 7))
