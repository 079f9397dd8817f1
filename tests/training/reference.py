"""The slow twin: one network at a time from torch's own modules, optimisers and autograd."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from infoplane.settings import RunSettings


class CenteredSoftplus(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.softplus(x) - math.log(2)


class Abs(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.abs()


def activation_module(name: str, units: int) -> nn.Module:
    if name == "prelu":
        return nn.PReLU(units)
    modules = {
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "hard_tanh": nn.Hardtanh,
        "relu": nn.ReLU,
        "leaky_relu": nn.LeakyReLU,
        "abs": Abs,
        "elu": nn.ELU,
        "selu": nn.SELU,
        "softplus": nn.Softplus,
        "centered_softplus": CenteredSoftplus,
        "swish": nn.SiLU,
        "gelu": nn.GELU,
        "linear": nn.Identity,
    }
    return modules[name]()


class FixedDropout(nn.Module):
    """Multiplies by a mask that is set from outside; the identity in evaluation mode."""

    mask: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.mask if self.training else x


class Reference(nn.Module):
    """One seed's network, its parameters set from arrays by the names of a TrainingRecord."""

    def __init__(self, settings: RunSettings, parameters: Mapping[str, NDArray[Any]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self.parameters_by_name: dict[str, Tensor] = {}
        self.dropouts: list[FixedDropout] = []
        units = [parameters["layer1/weights"].shape[1], *settings.hidden_layers]
        units.append(parameters[f"layer{len(units)}/weights"].shape[0])
        for number in range(1, len(units)):
            modules: list[nn.Module] = [nn.Linear(units[number - 1], units[number])]
            named = {"weights": modules[0].weight, "biases": modules[0].bias}
            if number <= len(settings.hidden_layers):
                if settings.batch_normalisation:
                    norm = nn.BatchNorm1d(units[number])
                    modules.append(norm)
                    named |= {"scale": norm.weight, "shift": norm.bias}
                    named |= {"running_mean": norm.running_mean, "running_variance": norm.running_var}
                activation = activation_module(settings.activations[number - 1], units[number])
                modules.append(activation)
                if isinstance(activation, nn.PReLU):
                    named["slopes"] = activation.weight
                if settings.dropout:
                    self.dropouts.append(FixedDropout())
                    modules.append(self.dropouts[-1])
            self.layers.append(nn.Sequential(*modules))
            self.parameters_by_name |= {f"layer{number}/{name}": value for name, value in named.items()}
        assert set(self.parameters_by_name) == set(parameters)
        with torch.no_grad():
            for name, value in self.parameters_by_name.items():
                value.copy_(torch.from_numpy(np.array(parameters[name])))

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """What every layer gives, the last as logits."""
        outputs = []
        for layer in self.layers:
            inputs = layer(inputs)
            outputs.append(inputs)
        return outputs

    def weights(self, layers: tuple[int, ...]) -> list[Tensor]:
        return [self.parameters_by_name[f"layer{layer}/weights"] for layer in layers]
