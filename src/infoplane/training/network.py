"""The forward and backward pass of many small networks at once, written by hand.

Activities are (seeds, units, samples): the long axis is last, so that small layers fill the vector units, and the
matrix products are (seeds, units, inputs) @ (seeds, inputs, samples). All buffers are made once per width, that is
number of samples; a width is a multiple of 64 samples, so that each seed's slice begins on a cache line and no
operation has a remainder outside its vector loop. With that, a seed's numbers on the CPU are the same bits in any
block (a test proves it). Samples that only fill up a width have weight 0 in the loss.

Narrow layers on the CPU have products of their own (products.py), chosen by the layer's shape alone; torch computes
all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from infoplane.activation_functions import activation_function
from infoplane.errors import InfoplaneError
from infoplane.settings import RunSettings
from infoplane.training import products
from infoplane.training.layout import CACHE_LINE, Layout, aligned

BATCH_NORMALISATION_EPSILON = 1e-5
BATCH_NORMALISATION_MOMENTUM = 0.1
EVALUATION_WIDTH = {"cpu": 512, "cuda": 8192}
"""Samples at a time where nothing is trained; on the CPU few enough to stay in the cache."""


def is_narrow(units: int, columns: int, device: torch.device) -> bool:
    """Whether a layer's products are those of products.py."""
    return device.type == "cpu" and max(units, columns) <= products.WIDEST


class SampleTable:
    """Samples as rows that a batch is gathered from.

    A row holds the columns of the first layer's matrix (inputs, a one for the biases, zeros) and the one-hot label,
    filled up to whole cache lines, so that gathering a sample is one copy. Where the columns' zeros have room for the
    label, it lies there and saves a cache line; `Network.backward` then keeps it out of the gradient.
    """

    def __init__(
        self, inputs: NDArray[np.float32], labels: NDArray[np.int64], layout: Layout, device: torch.device
    ) -> None:
        samples, features = inputs.shape
        self.columns, self.classes = layout.columns[0], layout.sizes[-1]
        overlaid = features + 1 + self.classes <= self.columns
        self.first_label = features + 1 if overlaid else self.columns
        width = max(self.columns, self.first_label + self.classes)
        rows = np.zeros((samples, aligned(width, CACHE_LINE)), dtype=np.float32)
        rows[:, :features] = inputs
        rows[:, features] = 1
        rows[np.arange(samples), self.first_label + labels] = 1
        self.rows = torch.from_numpy(rows).to(device)
        self.is_narrow = is_narrow(1, self.columns, device)
        self.device_labels = torch.from_numpy(np.array(labels, dtype=np.int64)).to(device)

    def __len__(self) -> int:
        return len(self.rows)


class Workspace:
    """The buffers of one pass over a batch of `count` samples, filled up to a width of a multiple of 64.

    `rows` are rows of a SampleTable: each seed's own for `training`, which also needs the buffers of the backward
    pass; for evaluation all seeds see the same samples, stored once.
    """

    def __init__(
        self,
        settings: RunSettings,
        layout: Layout,
        table: SampleTable,
        count: int,
        device: torch.device,
        *,
        training: bool,
    ) -> None:
        self.count, self.width = count, aligned(count)
        seeds, hidden = layout.seeds, layout.sizes[1:-1]

        def buffers(units: Sequence[int]) -> list[Tensor]:
            return [torch.zeros(seeds, n, self.width, device=device) for n in units]

        def scratch(units: Sequence[int]) -> list[Tensor]:
            # Layers that are done with it before the next one comes share one buffer, which so stays in the cache.
            shared = torch.zeros(seeds * max(units) * self.width, device=device)
            return [shared[: seeds * n * self.width].view(seeds, n, self.width) for n in units]

        distinct, columns = seeds if training else 1, table.rows.shape[1]
        if table.is_narrow:  # stored column by column, as the products want it
            self.rows = torch.zeros(distinct, columns, self.width).transpose(1, 2)
        else:
            self.rows = torch.zeros(distinct, self.width, columns, device=device)
        rows = self.rows.expand(seeds, -1, -1)
        self.samples = rows[:, :, : table.columns]
        self.targets = rows[:, :, table.first_label : table.first_label + table.classes].transpose(1, 2)
        # What a layer hands on has rows for the columns of the next layer's matrix: after its units one of ones, the
        # inputs of the biases, and zeros.
        self.extended = buffers(layout.columns[1:])
        for extended, units in zip(self.extended, hidden, strict=True):
            extended[:, units] = 1
        # Of each layer and the output: what comes in, as (seeds, columns, width) and transposed.
        self.below = [self.samples.transpose(1, 2), *self.extended]
        self.below_transposed = [below.transpose(1, 2) for below in self.below]
        self.handed_on = [extended[:, :units] for extended, units in zip(self.extended, hidden, strict=True)]
        functions = [activation_function(name) for name in settings.activations]
        self.dropout = settings.dropout > 0 and training
        # With dropout the activation function's result must survive for its derivative.
        self.activity = buffers(hidden) if self.dropout else self.handed_on
        self.net_input = [
            buffer if function.from_result or not training else torch.zeros_like(buffer)
            for function, buffer in zip(functions, scratch(hidden), strict=True)
        ]
        self.net_input += buffers(layout.sizes[-1:])
        # What the products of each layer give.
        self.linear = self.net_input
        if settings.batch_normalisation:
            self.linear = [*scratch(hidden), self.net_input[-1]]
        self.below_place = [products.place(tensor) for tensor in self.below]
        self.linear_place = [products.place(tensor) for tensor in self.linear]
        if not training:
            return
        self.keep = buffers(hidden) if self.dropout else []
        self.gradient = scratch(layout.sizes[1:])
        self.gradient_activity = scratch(hidden)
        self.gradient_place = [products.place(tensor) for tensor in self.gradient]
        self.gradient_activity_place = [products.place(tensor) for tensor in self.gradient_activity]
        weight = torch.zeros(self.width)
        weight[:count] = 1 / count
        self.sample_weight = weight.to(device)
        if settings.batch_normalisation:
            self.normalised = buffers(hidden)
            self.inverse_deviation: list[Tensor] = [torch.empty(0)] * len(hidden)

    def gather(self, table: SampleTable, order: Tensor) -> None:
        """Fills `rows` with the samples `order`, int32 (seeds, width), of a table like the one it was made with."""
        if table.is_narrow:
            products.gather(table.rows.numpy(), order.numpy(), products.place(self.rows.transpose(1, 2)))
        else:
            torch.index_select(table.rows, 0, order.view(-1), out=self.rows.view(-1, self.rows.shape[2]))


class Network:
    """The networks of a block of seeds: parameters, gradient, and the passes over a Workspace."""

    def __init__(self, settings: RunSettings, layout: Layout, device: torch.device) -> None:
        self.settings, self.layout, self.device = settings, layout, device
        self.functions = [activation_function(name) for name in settings.activations]
        self.flat = layout.zeros(device)
        self.flat_gradient = layout.zeros(device)
        self.parameters = layout.views(self.flat)
        self.gradients = layout.views(self.flat_gradient)
        self.running: dict[str, Tensor] = {}
        if settings.batch_normalisation:
            for layer, units in enumerate(layout.sizes[1:-1], start=1):
                self.running[f"layer{layer}/running_mean"] = torch.zeros(layout.seeds, units, device=device)
                self.running[f"layer{layer}/running_variance"] = torch.ones(layout.seeds, units, device=device)

        def layers(views: Mapping[str, Tensor], kind: str, count: int) -> list[Tensor]:
            names = [f"layer{layer}/{kind}" for layer in range(1, count + 1)]
            return [views[name] if name in views else torch.empty(0) for name in names]

        hidden = layout.layers - 1
        self._matrix = layers(self.parameters, "matrix", layout.layers)
        self._matrix_gradient = layers(self.gradients, "matrix", layout.layers)
        self._first_gradient_filling = self._matrix_gradient[0][:, :, layout.sizes[0] + 1 :]
        self._weights_transposed = [
            matrix[:, :, :inputs].transpose(1, 2)
            for matrix, inputs in zip(self._matrix, layout.sizes[:-1], strict=True)
        ]
        self._is_narrow = [
            is_narrow(units, columns, device) for units, columns in zip(layout.sizes[1:], layout.columns, strict=True)
        ]
        self._matrix_place, self._matrix_gradient_place, self._transposed_place = (
            [products.place(tensor) for tensor in tensors]
            for tensors in (self._matrix, self._matrix_gradient, self._weights_transposed)
        )
        self._slopes, self._slopes_gradient = (
            layers(views, "slopes", hidden) for views in (self.parameters, self.gradients)
        )
        self._slope_arguments: list[tuple[Tensor, ...]] = [
            (slopes.unsqueeze(2),) if function.trained_slope else ()
            for slopes, function in zip(self._slopes, self.functions, strict=True)
        ]
        self._scale, self._scale_gradient = (
            layers(views, "scale", hidden) for views in (self.parameters, self.gradients)
        )
        self._shift, self._shift_gradient = (
            layers(views, "shift", hidden) for views in (self.parameters, self.gradients)
        )
        self._running_mean = layers(self.running, "running_mean", hidden)
        self._running_variance = layers(self.running, "running_variance", hidden)

    def load(self, values: Mapping[str, NDArray[np.float32]]) -> None:
        """Sets parameters and running statistics from arrays (seeds, ...) by the names of a TrainingRecord.

        Raises InfoplaneError if one is missing.
        """
        for name, view in {**self.layout.public(self.flat), **self.running}.items():
            if name not in values:
                raise InfoplaneError(f"the network has the parameters {name}, which are not among those given")
            view.copy_(torch.from_numpy(np.ascontiguousarray(values[name], dtype=np.float32)))

    def snapshot(self) -> dict[str, NDArray[np.float32]]:
        """Copies of parameters and running statistics, (seeds, ...) by the names of a TrainingRecord."""
        named = {**self.layout.public(self.flat), **self.running}
        return {name: view.cpu().numpy().copy() for name, view in named.items()}

    def forward(self, workspace: Workspace, *, training: bool) -> Tensor:
        """The output's net input (logits), (seeds, classes, width); what is on the way stays in the workspace."""
        normalise = self.settings.batch_normalisation
        for index, function in enumerate(self.functions):
            net_input = workspace.net_input[index]
            self._multiply(workspace, index)
            if normalise:
                self._normalise(workspace, index, training=training)
            activity = workspace.activity[index]
            result = function.function(net_input, activity, *self._slope_arguments[index])
            if result is not activity:
                activity.copy_(result)
            if workspace.dropout:
                torch.mul(activity, workspace.keep[index], out=workspace.handed_on[index])
        self._multiply(workspace, len(self.functions))
        return workspace.net_input[-1]

    def _multiply(self, workspace: Workspace, index: int) -> None:
        """What one layer's matrix gives of what comes in."""
        if self._is_narrow[index]:
            seeds, inputs, units = self.layout.seeds, self.layout.sizes[index], self.layout.sizes[index + 1]
            matrix, below, out = self._matrix_place[index], workspace.below_place[index], workspace.linear_place[index]
            products.multiply(matrix, below, out, seeds, units, inputs + 1, workspace.width)
        else:
            torch.bmm(self._matrix[index], workspace.below[index], out=workspace.linear[index])

    def _multiply_backward(self, workspace: Workspace, index: int) -> None:
        """The gradient by one layer's matrix and, but for the first layer, by what came in."""
        if self._is_narrow[index]:
            seeds, inputs, units = self.layout.seeds, self.layout.sizes[index], self.layout.sizes[index + 1]
            gradient, below, width = workspace.gradient_place[index], workspace.below_place[index], workspace.width
            out = self._matrix_gradient_place[index]
            products.multiply_transposed(gradient, below, out, seeds, units, inputs + 1, width)
            if index > 0:
                out = workspace.gradient_activity_place[index - 1]
                products.multiply(self._transposed_place[index], gradient, out, seeds, inputs, units, width)
            return
        gradient_by_sum = workspace.gradient[index]
        torch.bmm(gradient_by_sum, workspace.below_transposed[index], out=self._matrix_gradient[index])
        if index == 0:
            # Behind the bias the rows may hold labels (SampleTable); these columns are no parameters.
            self._first_gradient_filling.zero_()
        else:
            torch.bmm(self._weights_transposed[index], gradient_by_sum, out=workspace.gradient_activity[index - 1])

    def evaluate(self, table: SampleTable, workspace: Workspace) -> Iterator[tuple[int, int, Tensor]]:
        """Passes all samples of a table through the networks in evaluation mode, a width at a time.

        Yields the range of samples and their logits (seeds, classes, samples of the range); hidden activities are in
        the workspace until the next range.
        """
        for start in range(0, len(table), workspace.width):
            stop = min(start + workspace.width, len(table))
            workspace.rows[0, : stop - start].copy_(table.rows[start:stop])
            yield start, stop, self.forward(workspace, training=False)[:, :, : stop - start]

    def backward(self, workspace: Workspace) -> None:
        """The gradient of the mean cross-entropy by all parameters, after `forward` in training mode."""
        # Softmax and cross-entropy together: the gradient by the logits is probability minus one-hot label.
        gradient = workspace.gradient[-1]
        torch.ops.aten._softmax.out(workspace.net_input[-1], 1, False, out=gradient)
        gradient.sub_(workspace.targets).mul_(workspace.sample_weight)
        for index in range(self.layout.layers - 1, -1, -1):
            if index < self.layout.layers - 1 and self.settings.batch_normalisation:
                self._normalise_backward(workspace, index)
            self._multiply_backward(workspace, index)
            if index > 0:
                self._activation_backward(workspace, index - 1)

    def _activation_backward(self, workspace: Workspace, index: int) -> None:
        function, slopes = self.functions[index], self._slope_arguments[index]
        gradient, net_input, out = (
            workspace.gradient_activity[index],
            workspace.net_input[index],
            workspace.gradient[index],
        )
        if workspace.dropout:
            gradient.mul_(workspace.keep[index])
        if function.derivative is not None:
            result = function.derivative(gradient, net_input, workspace.activity[index], out, *slopes)
        else:
            with torch.enable_grad():
                x = net_input.detach().requires_grad_()
                (result,) = torch.autograd.grad(function.function(x, None, *slopes), x, gradient)
        if result is not out:
            out.copy_(result)
        if function.trained_slope:
            torch.sum(torch.clamp_max(net_input, 0).mul_(gradient), 2, out=self._slopes_gradient[index])

    def _normalise(self, workspace: Workspace, index: int, *, training: bool) -> None:
        """Batch normalisation (Ioffe & Szegedy 2015) of each unit; samples that fill up the width do not count."""
        linear, out = workspace.linear[index], workspace.net_input[index]
        scale, shift = self._scale[index].unsqueeze(2), self._shift[index].unsqueeze(2)
        if not training:
            variance = self._running_variance[index] + BATCH_NORMALISATION_EPSILON
            torch.sub(linear, self._running_mean[index].unsqueeze(2), out=out)
            out.mul_(variance.rsqrt_().unsqueeze(2)).mul_(scale).add_(shift)
            return
        count, normalised = workspace.count, workspace.normalised[index]
        mean = torch.mul(linear, workspace.sample_weight, out=normalised).sum(2, keepdim=True)
        torch.sub(linear, mean, out=normalised)
        variance = torch.mul(normalised, normalised, out=out).mul_(workspace.sample_weight).sum(2, keepdim=True)
        inverse = (variance + BATCH_NORMALISATION_EPSILON).rsqrt_()
        workspace.inverse_deviation[index] = inverse
        torch.mul(normalised.mul_(inverse), scale, out=out).add_(shift)
        # As in torch: the running variance is the unbiased one.
        momentum, unbiased = BATCH_NORMALISATION_MOMENTUM, count / max(count - 1, 1)
        self._running_mean[index].lerp_(mean.squeeze(2), momentum)
        self._running_variance[index].lerp_(variance.squeeze(2).mul_(unbiased), momentum)

    def _normalise_backward(self, workspace: Workspace, index: int) -> None:
        gradient, normalised = workspace.gradient[index], workspace.normalised[index]
        scratch = workspace.gradient_activity[index]
        torch.sum(gradient, 2, out=self._shift_gradient[index])
        torch.sum(torch.mul(gradient, normalised, out=scratch), 2, out=self._scale_gradient[index])
        # d linear = scale / deviation * (gradient - mean(gradient) - normalised * mean(gradient * normalised));
        # count * sample_weight is 1 for samples and 0 for what fills up the width.
        scale = self._scale[index].unsqueeze(2) * workspace.inverse_deviation[index]
        torch.mul(normalised, self._scale_gradient[index].unsqueeze(2), out=scratch)
        scratch.add_(self._shift_gradient[index].unsqueeze(2)).mul_(workspace.sample_weight)
        gradient.sub_(scratch).mul_(scale)
