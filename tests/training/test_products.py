from __future__ import annotations

import numpy as np
import pytest
import torch

from infoplane.training import products

SHAPES = [(1, 1, 64), (2, 4, 64), (3, 5, 128), (4, 6, 192), (5, 8, 512), (6, 1, 64), (7, 11, 512), (10, 13, 448)]
SHAPES += [(13, 7, 128), (1, 64, 64), (64, 1, 64), (29, 31, 64), (64, 64, 512)]
SEEDS, UNTOUCHED = 3, 7.0


def draw(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(shape).standard_normal(shape).astype(np.float32))


def roomy(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The values as a view with rows to spare all around, to see that nothing else is read or written."""
    seeds, rows, columns = values.shape
    whole = torch.full((seeds, rows + 3, columns), UNTOUCHED)
    whole[:, 1:-2] = values
    return whole, whole[:, 1:-2]


def double(tensor: torch.Tensor) -> np.ndarray:
    return tensor.numpy().astype(np.float64)


@pytest.mark.parametrize(("units", "columns", "samples"), SHAPES)
def test_products_are_those_of_float64(units, columns, samples):
    # The matrix has columns that do not count, as a layer's has behind the biases.
    matrix, (_, below) = draw(SEEDS, units, columns + 2), roomy(draw(SEEDS, columns, samples))
    used = matrix[:, :, :columns]
    _, gradient = roomy(draw(SEEDS, units, samples))
    whole, out = roomy(torch.zeros(SEEDS, units, samples))
    places = [products.place(tensor) for tensor in (matrix, below, out)]
    products.multiply(*places, SEEDS, units, columns, samples)
    scale = np.abs(double(used)) @ np.abs(double(below))
    assert (np.abs(double(out) - double(used) @ double(below)) <= 1e-6 * scale).all()
    assert (whole[:, 0] == UNTOUCHED).all()
    assert (whole[:, -2:] == UNTOUCHED).all()

    whole, out = roomy(torch.zeros(SEEDS, columns, samples))
    places = [products.place(tensor) for tensor in (used.transpose(1, 2), gradient, out)]
    products.multiply(*places, SEEDS, columns, units, samples)
    scale = np.abs(double(used)).transpose(0, 2, 1) @ np.abs(double(gradient))
    assert (np.abs(double(out) - double(used).transpose(0, 2, 1) @ double(gradient)) <= 1e-6 * scale).all()
    assert (whole[:, 0] == UNTOUCHED).all()
    assert (whole[:, -2:] == UNTOUCHED).all()

    out = torch.full((SEEDS, units, columns + 2), UNTOUCHED)
    places = [products.place(tensor) for tensor in (gradient, below, out)]
    products.multiply_transposed(*places, SEEDS, units, columns, samples)
    wanted = double(gradient) @ double(below).transpose(0, 2, 1)
    scale = np.abs(double(gradient)) @ np.abs(double(below)).transpose(0, 2, 1)
    assert (np.abs(double(out)[:, :, :columns] - wanted) <= 2e-6 * scale).all()
    assert (out[:, :, columns:] == UNTOUCHED).all()


def test_a_seed_is_the_same_bits_alone_and_where_seeds_share_their_samples():
    units, columns, samples = 7, 11, 128
    matrix, below = draw(SEEDS, units, columns), draw(1, columns, samples).expand(SEEDS, -1, -1)
    out, alone = torch.zeros(SEEDS, units, samples), torch.zeros(1, units, samples)
    places = [products.place(tensor) for tensor in (matrix, below, out)]
    products.multiply(*places, SEEDS, units, columns, samples)
    gradient, gradient_alone = torch.zeros(SEEDS, units, columns), torch.zeros(1, units, columns)
    places = [products.place(tensor) for tensor in (out, below, gradient)]
    products.multiply_transposed(*places, SEEDS, units, columns, samples)
    for seed in range(SEEDS):
        shifted = torch.zeros(columns * samples + 1)[1:].view(1, columns, samples).copy_(below[:1])
        places = [products.place(tensor) for tensor in (matrix[seed : seed + 1], shifted, alone)]
        products.multiply(*places, 1, units, columns, samples)
        assert torch.equal(alone[0], out[seed])
        places = [products.place(tensor) for tensor in (alone, shifted, gradient_alone)]
        products.multiply_transposed(*places, 1, units, columns, samples)
        assert torch.equal(gradient_alone[0], gradient[seed])


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_stays_so(value):
    matrix, below = draw(1, 4, 4), draw(1, 4, 64)
    below[0, 2, 5] = value
    # All of them have names: a tensor must live as long as its place is used.
    of_out, out, gradient = draw(1, 4, 64), torch.zeros(1, 4, 64), torch.zeros(1, 4, 4)
    products.multiply(*[products.place(tensor) for tensor in (matrix, below, out)], 1, 4, 4, 64)
    assert (torch.isfinite(out[0]).all(0) == (torch.arange(64) != 5)).all()
    products.multiply_transposed(*[products.place(tensor) for tensor in (of_out, below, gradient)], 1, 4, 4, 64)
    assert (torch.isfinite(gradient[0]).all(0) == (torch.arange(4) != 2)).all()


@pytest.mark.parametrize("columns", [16, 48])
def test_gather(columns):
    table, order = draw(100, columns), np.random.default_rng(0).integers(0, 100, (SEEDS, 128), dtype=np.int32)
    whole, out = roomy(torch.zeros(SEEDS, columns, 128))
    products.gather(table.numpy(), order, products.place(out))
    assert np.array_equal(out.numpy(), table.numpy()[order].transpose(0, 2, 1))
    assert (whole[:, 0] == UNTOUCHED).all()
    assert (whole[:, -2:] == UNTOUCHED).all()
