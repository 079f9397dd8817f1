"""The activation functions: one table, one entry per function, and nothing about them anywhere else.

To add an activation function, add its entry to `_ENTRIES`. A derivative is optional: without one the
gradient comes from autograd, only slower. Importing this module does not import torch: Snakemake reads
the names and bounds each time it parses the workflow. The functions import torch when they are called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from infoplane.errors import InfoplaneError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class ActivationFunction:
    """One activation function f, applied to each unit's net input x.

    `function(x, out=None)` gives f(x); autograd must be able to differentiate it when `out` is None.
    `derivative(gradient, x, y, out)` gives gradient * f'(x), where y = f(x); None means that autograd does it.
    With `from_result` the derivative reads y and not x, which then need not be kept.
    Both may write into `out`, a tensor that shares no memory with the others, or ignore it and return a new one.
    With `trained_slope`, both take one more argument, last: the slopes, of a shape that broadcasts to x's; the
    gradient of the slopes is then the sum over samples of gradient * min(x, 0), as for PReLU.

    `lower_bound` is a value that f is bounded below by and that counts as a state of its own in entropy-based
    adaptive binning, else None. `function_range` is the open or closed range of a function that saturates on
    both sides, else None. `gain` is h in the standard deviation h / sqrt(fan_in) of the initial weights.
    """

    name: str
    function: Callable[..., Tensor]
    derivative: Callable[..., Tensor] | None = None
    from_result: bool = False
    lower_bound: float | None = None
    function_range: tuple[float, float] | None = None
    gain: float = 2.0
    trained_slope: bool = False
    label: str = field(kw_only=True)


INITIAL_SLOPE = 0.25
"""Slope that PReLU starts from (He et al. 2015)."""

_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805
_LEAK = 0.01


@cache
def _operation(name: str, variant: str) -> Callable[..., Tensor]:
    """One of torch's elementary operations: "default", or "out" and "grad_input" that write into a tensor."""
    import torch

    operation: Callable[..., Tensor] = getattr(getattr(torch.ops.aten, name), variant)
    return operation


def _elementwise(name: str, *arguments: Any) -> Callable[..., Tensor]:
    """The operation `name` of torch, of x with fixed further arguments; writes into `out` where it is given."""

    def function(x: Tensor, out: Tensor | None = None) -> Tensor:
        if out is None:
            return _operation(name, "default")(x, *arguments)
        return _operation(name, "out")(x, *arguments, out=out)

    return function


def _backward(name: str, *arguments: Any, of_result: bool = False) -> Callable[..., Tensor]:
    """The fused gradient `name` of torch, of (gradient, x or y, fixed further arguments), written into `out`."""

    def derivative(gradient: Tensor, x: Tensor, y: Tensor, out: Tensor) -> Tensor:
        return _operation(name, "grad_input")(gradient, y if of_result else x, *arguments, grad_input=out)

    return derivative


def _tanh(x: Tensor, out: Tensor | None = None) -> Tensor:
    import torch

    if out is None or out.device.type != "cpu":
        return torch.tanh(x) if out is None else torch.tanh(x, out=out)
    # numpy's vectorised tanh is six times as fast as torch's and exact to two units in the last place.
    np.tanh(x.numpy(), out=out.numpy())
    return out


def _elu_backward(alpha: float, scale: float) -> Callable[..., Tensor]:
    def derivative(gradient: Tensor, x: Tensor, y: Tensor, out: Tensor) -> Tensor:
        # From the result y: no exponential a second time.
        return _operation("elu_backward", "grad_input")(gradient, alpha, scale, 1, True, y, grad_input=out)

    return derivative


def _softplus_derivative(gradient: Tensor, x: Tensor, y: Tensor, out: Tensor) -> Tensor:
    import torch

    return torch.sigmoid(x, out=out).mul_(gradient)


def _abs_derivative(gradient: Tensor, x: Tensor, y: Tensor, out: Tensor) -> Tensor:
    import torch

    return torch.sign(x, out=out).mul_(gradient)


def _linear(x: Tensor, out: Tensor | None = None) -> Tensor:
    return x * 1.0 if out is None else out.copy_(x)


def _linear_derivative(gradient: Tensor, x: Tensor, y: Tensor, out: Tensor) -> Tensor:
    return gradient


def _centered_softplus(x: Tensor, out: Tensor | None = None) -> Tensor:
    import torch

    if out is None:
        return torch.nn.functional.softplus(x) - math.log(2)
    return _operation("softplus", "out")(x, 1, 20, out=out).sub_(math.log(2))


def _gelu(x: Tensor, out: Tensor | None = None) -> Tensor:
    import torch

    # Not into `out`: for one that has gaps torch takes another kernel, which rounds otherwise.
    return torch.nn.functional.gelu(x)


def _prelu(x: Tensor, out: Tensor | None, slopes: Tensor) -> Tensor:
    import torch

    if out is None:
        return x.clamp_min(0) + slopes * x.clamp_max(0)
    # torch.where is ten times as slow on the CPU.
    return torch.clamp_max(x, 0, out=out).mul_(slopes).add_(torch.clamp_min(x, 0))


def _prelu_derivative(gradient: Tensor, x: Tensor, y: Tensor, out: Tensor, slopes: Tensor) -> Tensor:
    import torch

    # f' = slope + (1 - slope) [x > 0], so that no branch is needed.
    return torch.gt(x, 0, out=out).mul_(1 - slopes).add_(slopes).mul_(gradient)


_ENTRIES = (
    ActivationFunction(
        "tanh",
        _tanh,
        _backward("tanh_backward", of_result=True),
        label="tanh",
        from_result=True,
        function_range=(-1.0, 1.0),
        gain=1.0,
    ),
    ActivationFunction(
        "sigmoid",
        _elementwise("sigmoid"),
        _backward("sigmoid_backward", of_result=True),
        label="sigmoid",
        from_result=True,
        function_range=(0.0, 1.0),
    ),
    ActivationFunction(
        "hard_tanh",
        _elementwise("hardtanh", -1.0, 1.0),
        _backward("hardtanh_backward", -1.0, 1.0),
        label="hard tanh",
        function_range=(-1.0, 1.0),
    ),
    ActivationFunction(
        "relu",
        _elementwise("clamp_min", 0.0),
        _backward("threshold_backward", 0.0, of_result=True),
        label="ReLU",
        from_result=True,
        lower_bound=0.0,
    ),
    ActivationFunction(
        "leaky_relu",
        _elementwise("leaky_relu", _LEAK),
        _backward("leaky_relu_backward", _LEAK, False),
        label="leaky ReLU",
    ),
    ActivationFunction("prelu", _prelu, _prelu_derivative, label="PReLU", trained_slope=True),
    ActivationFunction("abs", _elementwise("abs"), _abs_derivative, label="|x|", lower_bound=0.0, gain=1.0),
    ActivationFunction(
        "elu", _elementwise("elu", 1.0, 1.0, 1.0), _elu_backward(1.0, 1.0), label="ELU", from_result=True
    ),
    ActivationFunction(
        "selu",
        _elementwise("elu", _SELU_ALPHA, _SELU_SCALE, 1.0),
        _elu_backward(_SELU_ALPHA, _SELU_SCALE),
        label="SELU",
        from_result=True,
    ),
    ActivationFunction(
        "softplus",
        _elementwise("softplus", 1, 20),
        _softplus_derivative,
        label="softplus",
        lower_bound=0.0,
    ),
    ActivationFunction("centered_softplus", _centered_softplus, _softplus_derivative, label="centered softplus"),
    ActivationFunction("swish", _elementwise("silu"), _backward("silu_backward"), label="Swish"),
    ActivationFunction("gelu", _gelu, _backward("gelu_backward"), label="GELU"),
    ActivationFunction("linear", _linear, _linear_derivative, label="linear"),
)

ACTIVATION_FUNCTIONS: Mapping[str, ActivationFunction] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""Every activation function by name, in the order of figures and tables."""


def activation_function(name: str) -> ActivationFunction:
    """The entry of one activation function.

    Raises InfoplaneError for a name that is not in the table.
    """
    if name not in ACTIVATION_FUNCTIONS:
        raise InfoplaneError(f"unknown activation function {name!r}; allowed are {', '.join(ACTIVATION_FUNCTIONS)}")
    return ACTIVATION_FUNCTIONS[name]
