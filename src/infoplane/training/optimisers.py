"""Adam and stochastic gradient descent over one flat tensor of parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from infoplane.errors import InfoplaneError
from infoplane.settings import RunSettings


class Optimiser(ABC):
    """Holds the flat state and applies one step.

    What changes from step to step, such as Adam's bias correction, is a row of `coefficients`: computed on the host
    for a whole epoch, so that a step is the same work each time and a CUDA graph can repeat it.
    """

    def __init__(self, settings: RunSettings, state: dict[str, Tensor], penalised: Tensor) -> None:
        self.state = state
        self.learning_rate = settings.learning_rate
        # One tensor per kind of penalty, or None where it is off: no work for what is not asked.
        self.l2 = settings.l2 * penalised if settings.l2 else None
        decay = settings.learning_rate * settings.weight_decay
        self.shrinkage = 1 - decay * penalised if decay else None

    def penalise(self, parameters: Tensor, gradient: Tensor) -> None:
        """Adds the gradient of the L2 penalty and applies the decoupled decay."""
        if self.l2 is not None:
            gradient.addcmul_(self.l2, parameters)
        if self.shrinkage is not None:
            parameters.mul_(self.shrinkage)

    @abstractmethod
    def coefficients(self, done: int, steps: int) -> NDArray[np.float32]:
        """(steps, 2): size and offset of each of the next `steps` steps, after `done` steps."""

    @abstractmethod
    def step(self, parameters: Tensor, gradient: Tensor, size: Tensor, offset: Tensor) -> None:
        """One step in place; `gradient` is used up."""


class Adam(Optimiser):
    """Kingma & Ba 2015 with torch's defaults: decay rates 0.9 and 0.999, epsilon 1e-8."""

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, settings: RunSettings, parameters: Tensor, penalised: Tensor) -> None:
        state = {"mean": torch.zeros_like(parameters), "square": torch.zeros_like(parameters)}
        super().__init__(settings, state, penalised)
        self._scratch = torch.zeros_like(parameters)

    def coefficients(self, done: int, steps: int) -> NDArray[np.float32]:
        step = np.arange(done + 1, done + steps + 1, dtype=np.float64)
        # size * mean / (sqrt(square) + offset) is the usual step with both bias corrections moved out of the tensors.
        root = np.sqrt(1 - self.BETA2**step)
        size = self.learning_rate / (1 - self.BETA1**step) * root
        return np.stack([size, self.EPSILON * root], axis=1).astype(np.float32)

    def step(self, parameters: Tensor, gradient: Tensor, size: Tensor, offset: Tensor) -> None:
        self.penalise(parameters, gradient)
        mean, square, scratch = self.state["mean"], self.state["square"], self._scratch
        mean.lerp_(gradient, 1 - self.BETA1)
        square.mul_(self.BETA2).addcmul_(gradient, gradient, value=1 - self.BETA2)
        torch.sqrt(square, out=scratch).add_(offset)
        parameters.sub_(torch.div(mean, scratch, out=scratch).mul_(size))


class StochasticGradientDescent(Optimiser):
    """velocity = momentum * velocity + gradient; parameters -= learning rate * velocity, as torch.optim.SGD."""

    def __init__(self, settings: RunSettings, parameters: Tensor, penalised: Tensor) -> None:
        self.momentum = settings.momentum
        state = {"velocity": torch.zeros_like(parameters)} if self.momentum else {}
        super().__init__(settings, state, penalised)

    def coefficients(self, done: int, steps: int) -> NDArray[np.float32]:
        return np.zeros((steps, 2), dtype=np.float32)

    def step(self, parameters: Tensor, gradient: Tensor, size: Tensor, offset: Tensor) -> None:
        self.penalise(parameters, gradient)
        if self.momentum:
            gradient = self.state["velocity"].mul_(self.momentum).add_(gradient)
        parameters.sub_(gradient, alpha=self.learning_rate)


def make_optimiser(settings: RunSettings, parameters: Tensor, penalised: Tensor) -> Optimiser:
    """The optimiser that the settings name, for one flat tensor of parameters.

    Raises InfoplaneError for a name other than adam and sgd.
    """
    if settings.optimiser == "adam":
        return Adam(settings, parameters, penalised)
    if settings.optimiser == "sgd":
        return StochasticGradientDescent(settings, parameters, penalised)
    raise InfoplaneError(f"unknown optimiser {settings.optimiser!r}; allowed are adam and sgd")
