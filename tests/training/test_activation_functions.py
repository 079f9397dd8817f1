from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from infoplane.activation_functions import ACTIVATION_FUNCTIONS, activation_function
from infoplane.errors import InfoplaneError

TORCH_MODULES = {
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "hard_tanh": nn.Hardtanh(),
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(),
    "prelu": nn.PReLU(init=0.25),
    "abs": torch.abs,
    "elu": nn.ELU(),
    "selu": nn.SELU(),
    "softplus": nn.Softplus(),
    "centered_softplus": lambda x: nn.functional.softplus(x) - math.log(2),
    "swish": nn.SiLU(),
    "gelu": nn.GELU(),
    "linear": nn.Identity(),
}
NAMES = list(ACTIVATION_FUNCTIONS)


def test_the_table_has_the_functions_of_the_study_and_the_others():
    assert set(ACTIVATION_FUNCTIONS) == set(TORCH_MODULES)
    assert all(name == entry.name for name, entry in ACTIVATION_FUNCTIONS.items())
    assert len({entry.label for entry in ACTIVATION_FUNCTIONS.values()}) == len(ACTIVATION_FUNCTIONS)
    assert {name: entry.gain for name, entry in ACTIVATION_FUNCTIONS.items() if entry.gain != 2} == {
        "tanh": 1,
        "abs": 1,
    }
    assert [name for name, entry in ACTIVATION_FUNCTIONS.items() if entry.trained_slope] == ["prelu"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("contiguous", [True, False])
def test_values_and_derivatives_are_those_of_torch(name, contiguous):
    entry = ACTIVATION_FUNCTIONS[name]
    x = torch.linspace(-12, 12, 5 * 6 * 64).view(5, 6, 64)
    gradient = torch.linspace(-1, 2, x.numel()).view(x.shape).flip(0)
    slopes = (torch.full((5, 6, 1), 0.25),) if entry.trained_slope else ()
    leaf = x.clone().requires_grad_()
    expected = TORCH_MODULES[name](leaf)
    (expected_gradient,) = torch.autograd.grad(expected, leaf, gradient)

    out = torch.full((5, 6 if contiguous else 7, 64), math.nan)[:, :6]
    result = entry.function(x, out, *slopes)
    torch.testing.assert_close(result, expected.detach(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(entry.function(x, None, *slopes), expected.detach(), rtol=1e-6, atol=1e-6)

    assert entry.derivative is not None
    out = torch.full_like(x, math.nan)
    result = entry.derivative(gradient, None if entry.from_result else x, result, out, *slopes)
    torch.testing.assert_close(result, expected_gradient, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_autograd_can_differentiate_every_function(name):
    entry = ACTIVATION_FUNCTIONS[name]
    x = torch.linspace(-3, 3, 64).requires_grad_()
    slopes = (torch.tensor(0.25),) if entry.trained_slope else ()
    expected_leaf = x.detach().clone().requires_grad_()
    TORCH_MODULES[name](expected_leaf).sum().backward()
    entry.function(x, None, *slopes).sum().backward()
    torch.testing.assert_close(x.grad, expected_leaf.grad)


@pytest.mark.parametrize("name", NAMES)
def test_lower_bounds_and_ranges_hold_and_are_reached(name):
    entry = ACTIVATION_FUNCTIONS[name]
    x = torch.linspace(-300, 300, 60_000)
    slopes = (torch.tensor(0.25),) if entry.trained_slope else ()
    y = entry.function(x, torch.empty_like(x), *slopes).numpy()
    assert (entry.lower_bound is not None) == (name in {"relu", "softplus", "abs"})
    if entry.lower_bound is not None:
        assert y.min() >= entry.lower_bound
        assert np.abs(y).min() <= 0.01
    assert (entry.function_range is not None) == (name in {"tanh", "sigmoid", "hard_tanh"})
    if entry.function_range is not None:
        assert (y.min(), y.max()) == pytest.approx(entry.function_range, abs=1e-6)


def test_names_and_bounds_cost_no_import_of_torch():
    code = (
        "import sys; from infoplane.activation_functions import activation_function;"
        "assert activation_function('relu').lower_bound == 0.0; print('torch' in sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "False"


def test_an_unknown_name_is_told_with_the_allowed_ones():
    with pytest.raises(InfoplaneError, match="unknown activation function 'reul'; allowed are tanh, sigmoid"):
        activation_function("reul")
