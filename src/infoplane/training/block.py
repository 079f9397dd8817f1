"""Training a block of seeds."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from infoplane.datasets.suitability import check_batches
from infoplane.errors import InfoplaneError
from infoplane.settings import RunSettings
from infoplane.training.checkpoints import identity, read_checkpoint, remove_checkpoint, write_checkpoint
from infoplane.training.initialisation import DROPOUT, SAMPLE_ORDER, initial_parameters, stream
from infoplane.training.layout import Layout
from infoplane.training.network import EVALUATION_WIDTH, Network, SampleTable, Workspace
from infoplane.training.optimisers import make_optimiser
from infoplane.training.orders import Orders
from infoplane.training.record import GRADIENT_STATISTICS, HISTORY, TrainingRecord, row_norms
from infoplane.training.threads import lanes, one_thread_each

Arrays = dict[str, NDArray[Any]]
Workspaces = dict[tuple[int, int, bool], Workspace]


def _greatest(logits: Tensor) -> Tensor:
    """The class with the greatest logit, the first of equals; on the CPU argmax over a middle axis takes far longer."""
    best, greatest = logits[:, 0].clone(), torch.zeros_like(logits[:, 0], dtype=torch.int64)
    for label in range(1, logits.shape[1]):
        greatest.masked_fill_(logits[:, label] > best, label)
        torch.maximum(best, logits[:, label], out=best)
    return greatest


class Shard:
    """Seeds that are trained together.

    Shards of one thread share their `workspaces`, by numbers of seeds and samples and whether for training: the
    next batch writes all of it anew, and one set of buffers stays in the cache.
    """

    def __init__(
        self,
        settings: RunSettings,
        seeds: Sequence[int],
        layout: Layout,
        train: SampleTable,
        test: SampleTable,
        device: torch.device,
        workspaces: Workspaces,
    ) -> None:
        self.settings, self.seeds, self.device = settings, list(seeds), device
        self.train, self.test = train, test
        self.layout = layout
        self.network = Network(settings, self.layout, device)
        initial = [initial_parameters(settings, seed, self.layout.sizes) for seed in self.seeds]
        self.network.load(
            {name: np.stack([one[name] for one in initial]) for name in initial[0]}
            | {name: view.cpu().numpy() for name, view in self.network.running.items()}
        )
        penalised = self.layout.penalised(settings.penalised_layers, device)
        self.optimiser = make_optimiser(settings, self.network.flat, penalised)
        self.sample_orders = Orders([stream(settings.study_seed, seed, SAMPLE_ORDER) for seed in self.seeds])
        self.dropout_streams = [stream(settings.study_seed, seed, DROPOUT) for seed in self.seeds]
        self.diverged = torch.full((len(self.seeds),), -1, dtype=torch.int64, device=device)
        self._make_buffers(workspaces)

    def _make_buffers(self, workspaces: Workspaces) -> None:
        settings, samples = self.settings, len(self.train)
        counts = settings.batches(samples)
        width = min(EVALUATION_WIDTH[self.device.type], max(len(self.train), len(self.test)))
        for count, training in [*((count, True) for count in counts), (width, False)]:
            key = (len(self.seeds), count, training)
            if key not in workspaces:
                workspaces[key] = Workspace(settings, self.layout, self.train, count, self.device, training=training)
        self.batches = [workspaces[len(self.seeds), count, True] for count in counts]
        self.evaluation = workspaces[len(self.seeds), width, False]
        # The order of samples, batch by batch, (seeds, width) each; what fills up a width is sample 0, with weight 0.
        widths = [len(self.seeds) * workspace.width for workspace in self.batches]
        order = torch.zeros(sum(widths), dtype=torch.int32)
        ends = itertools.accumulate(widths)
        parts = [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
        self.host_orders = [order[part].view(len(self.seeds), -1).numpy() for part in parts]
        self.host_order, self.order = order, order.to(self.device)  # on the CPU they are the same memory
        self.orders = [self.order[part].view(len(self.seeds), -1) for part in parts]
        self.coefficients = torch.zeros(len(self.batches), 2, device=self.device)
        self.coefficients_of_step = [(row[0], row[1]) for row in self.coefficients]
        if settings.record_gradients:
            self.gradient_mean, self.gradient_square = (self.layout.zeros(self.device) for _ in range(2))
        self._shuffled = len(self.batches) > 1
        self._permutations = np.tile(np.arange(samples, dtype=np.int32), (len(self.seeds), 1))
        self._set_order()
        self._epochs_run = 0
        self._graph: Any = None

    def _set_order(self) -> None:
        """Deals the permutations out to the batches."""
        start = 0
        for workspace, order in zip(self.batches, self.host_orders, strict=True):
            order[:, : workspace.count] = self._permutations[:, start : start + workspace.count]
            start += workspace.count
        if self.device.type != "cpu":
            self.order.copy_(self.host_order)

    def _draw_dropout(self, workspace: Workspace) -> None:
        kept = 1 - self.settings.dropout
        for keep in workspace.keep:
            units = keep.shape[1]
            drawn = np.zeros(keep.shape, dtype=np.float32)
            for row, generator in zip(drawn, self.dropout_streams, strict=True):
                row[:, : workspace.count] = generator.random((units, workspace.count), dtype=np.float32) < kept
            drawn *= 1 / kept
            keep.copy_(torch.from_numpy(drawn))

    def run_epoch(self, epoch: int, *, gradients: bool) -> None:
        """Trains epoch number `epoch` (the first is 1); with `gradients`, gathers their mean and deviation."""
        if self._shuffled:
            self.sample_orders.draw(self._permutations)
            self._set_order()
        done = (epoch - 1) * len(self.batches)
        self.coefficients.copy_(torch.from_numpy(self.optimiser.coefficients(done, len(self.batches))))
        if gradients or not self._can_capture():
            self._steps(gradients=gradients)
        else:
            if self._graph is None:
                self._graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self._graph):
                    self._steps(gradients=False)
            self._graph.replay()
        self._epochs_run += 1
        # A loss that is not finite makes the gradient of the output layer, and so its weights, not finite for good.
        output = self.network.parameters[f"layer{self.layout.layers}/matrix"]
        self._mark_diverged(~torch.isfinite(output).flatten(1).all(1), epoch)

    def _can_capture(self) -> bool:
        """Whether the steps of an epoch can be repeated as a CUDA graph: no host in between, and once run before."""
        return (
            self.device.type == "cuda"
            and self._epochs_run > 0
            and self.settings.dropout == 0
            and all(function.derivative is not None for function in self.network.functions)
        )

    def _steps(self, *, gradients: bool) -> None:
        network = self.network
        for number, workspace in enumerate(self.batches):
            workspace.gather(self.train, self.orders[number])
            if workspace.dropout:
                self._draw_dropout(workspace)
            network.forward(workspace, training=True)
            network.backward(workspace)
            if gradients:
                self._gather_gradient(number)
            self.optimiser.step(network.flat, network.flat_gradient, *self.coefficients_of_step[number])

    def _gather_gradient(self, number: int) -> None:
        """Running mean and sum of squared deviations (Welford 1962)."""
        if number == 0:
            self.gradient_mean.zero_()
            self.gradient_square.zero_()
        difference = self.network.flat_gradient - self.gradient_mean
        self.gradient_mean.add_(difference, alpha=1 / (number + 1))
        self.gradient_square.addcmul_(difference, self.network.flat_gradient - self.gradient_mean)

    def _mark_diverged(self, now: Tensor, epoch: int) -> None:
        self.diverged = torch.where((self.diverged < 0) & now, epoch, self.diverged)

    def gradient_statistics(self) -> dict[str, NDArray[np.float64]]:
        """Norms (seeds, layers) of the gradients' mean and standard deviation over the epoch that was run last."""
        # The Frobenius norm of the deviations is the root of the sum of all variances.
        deviation = (self.gradient_square / len(self.batches)).sqrt_()
        return {
            name: np.stack([row_norms(weights) for weights in self._weights(flat)], axis=1)
            for name, flat in zip(GRADIENT_STATISTICS, (self.gradient_mean, deviation), strict=True)
        }

    def _weights(self, flat: Tensor) -> list[NDArray[np.float32]]:
        named = self.layout.public(flat.cpu())
        return [named[f"layer{layer}/weights"].numpy() for layer in range(1, self.layout.layers + 1)]

    def evaluate(self, epoch: int) -> dict[str, NDArray[np.float64]]:
        """Loss and accuracy (seeds,) on both parts; marks seeds whose loss is not finite as diverged."""
        values = {name: np.full(len(self.seeds), np.nan) for name in HISTORY}
        for part, table in (("train", self.train), ("test", self.test)):
            if len(table):
                loss, accuracy = self._loss_and_accuracy(table)
                values[f"{part}_loss"], values[f"{part}_accuracy"] = loss, accuracy
                self._mark_diverged(torch.from_numpy(~np.isfinite(loss)).to(self.device), epoch)
        return values

    def _loss_and_accuracy(self, table: SampleTable) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        losses = np.empty((len(self.seeds), len(table)))
        right = np.zeros(len(self.seeds), dtype=np.int64)
        for start, stop, logits in self.network.evaluate(table, self.evaluation):
            labels = table.device_labels[start:stop].expand(len(self.seeds), 1, -1)
            losses[:, start:stop] = -torch.log_softmax(logits, 1).gather(1, labels).squeeze(1).cpu().numpy()
            right += (_greatest(logits) == labels.squeeze(1)).sum(1).cpu().numpy()
        # Row by row, so that the order of summation does not depend on the number of seeds.
        return np.array([row.mean() for row in losses]), right / len(table)

    def state(self) -> Arrays:
        """Everything that the next epoch depends on, (seeds, ...) by name."""
        arrays: Arrays = {f"network/{name}": values for name, values in self.network.snapshot().items()}
        for kind, flat in self.optimiser.state.items():
            for name, view in self.layout.public(flat).items():
                arrays[f"optimiser/{kind}/{name}"] = view.cpu().numpy().copy()
        dropout = [generator.bit_generator.state for generator in self.dropout_streams]
        for name, states in (("order", self.sample_orders.state), ("dropout", dropout)):
            arrays[f"streams/{name}"] = np.array([json.dumps(state) for state in states])
        arrays["diverged"] = self.diverged.cpu().numpy().copy()
        return arrays

    def restore(self, arrays: Arrays) -> None:
        """The inverse of `state`."""
        self.network.load(
            {name.removeprefix("network/"): arrays[name] for name in arrays if name.startswith("network/")}
        )
        for kind, flat in self.optimiser.state.items():
            for name, view in self.layout.public(flat).items():
                view.copy_(torch.from_numpy(arrays[f"optimiser/{kind}/{name}"]))
        self.sample_orders.state = [json.loads(str(text)) for text in arrays["streams/order"]]
        for generator, text in zip(self.dropout_streams, arrays["streams/dropout"], strict=True):
            generator.bit_generator.state = json.loads(str(text))
        self.diverged = torch.from_numpy(arrays["diverged"]).to(self.device)


class Recorder:
    """The arrays that become a TrainingRecord, filled epoch by epoch, each shard its own rows."""

    def __init__(self, settings: RunSettings, seeds: Sequence[int], shard: Shard) -> None:
        self.settings = settings
        self.epochs = settings.recorded_epochs.resolve(settings.epochs)
        self.column = {int(epoch): column for column, epoch in enumerate(self.epochs)}
        leading = (len(seeds), len(self.epochs))
        self.seeds = np.array(seeds, dtype=np.int64)
        self.parameters = {
            name: np.full((*leading, *values.shape[1:]), np.nan, dtype=np.float32)
            for name, values in shard.network.snapshot().items()
        }
        self.history = {name: np.full(leading, np.nan) for name in HISTORY}
        names = GRADIENT_STATISTICS if settings.record_gradients else ()
        self.layers = shard.layout.layers
        self.gradients = {name: np.full((*leading, self.layers), np.nan) for name in names}

    def record(self, epoch: int, shard: Shard, rows: slice) -> None:
        """Records one shard at one epoch; a diverged seed's record stays NaN."""
        column = self.column[epoch]
        history = shard.evaluate(epoch)
        alive = shard.diverged.cpu().numpy() < 0
        which = np.arange(rows.start, rows.stop)[alive]
        gradients = shard.gradient_statistics() if self.gradients and epoch > 0 else {}
        for target, source in (
            (self.parameters, shard.network.snapshot()),
            (self.history, history),
            (self.gradients, gradients),
        ):
            for name, values in source.items():
                target[name][which, column] = values[alive]

    def arrays(self) -> Arrays:
        """The arrays to fill, by a name of their own."""
        return {
            **{f"parameters/{name}": values for name, values in self.parameters.items()},
            **{f"history/{name}": values for name, values in self.history.items()},
            **{f"gradients/{name}": values for name, values in self.gradients.items()},
        }

    def finish(self, diverged_epoch: NDArray[np.int64]) -> TrainingRecord:
        norms = np.empty((len(self.seeds), len(self.epochs), self.layers))
        for layer in range(self.layers):
            weights = self.parameters[f"layer{layer + 1}/weights"]
            norms[:, :, layer] = row_norms(weights.reshape(-1, *weights.shape[2:])).reshape(norms.shape[:2])
        return TrainingRecord(
            seeds=self.seeds,
            epochs=self.epochs,
            parameters=self.parameters,
            history=self.history,
            layer_statistics={"weight_norm": norms, **self.gradients},
            diverged_epoch=diverged_epoch,
        )


def _check(
    settings: RunSettings, seeds: Sequence[int], inputs: NDArray[np.float32], labels: NDArray[np.int64], train: int
) -> None:
    if len(seeds) == 0 or min(seeds) < 0 or len(set(seeds)) != len(seeds):
        raise InfoplaneError(f"seeds must be distinct numbers from 0, at least one; found {list(seeds)}")
    if inputs.ndim != 2 or labels.shape != inputs.shape[:1]:
        raise InfoplaneError(
            f"inputs must be (samples, features) and labels (samples,); found {inputs.shape} and {labels.shape}"
        )
    if not np.isfinite(inputs).all():
        raise InfoplaneError("inputs must be finite numbers; found NaN or infinity")
    if labels.min(initial=0) < 0:
        raise InfoplaneError(f"labels must be classes counted from 0; found {labels.min()}")
    if train == 0:
        raise InfoplaneError("the training part has no samples; it needs at least one")
    check_batches(settings, train)
    if len(settings.activations) != len(settings.hidden_layers):
        raise InfoplaneError(
            f"one activation function per hidden layer is needed; found {len(settings.activations)} "
            f"for {len(settings.hidden_layers)} layers"
        )


def train_block(
    settings: RunSettings,
    seeds: Sequence[int],
    inputs: NDArray[np.float32],
    labels: NDArray[np.int64],
    train_indices: ArrayLike,
    test_indices: ArrayLike,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 60.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> TrainingRecord:
    """Trains one run from every seed and records it.

    `inputs` is (N, d) float32 and `labels` (N,) integers from 0, whose greatest says the number of classes;
    `train_indices` and `test_indices` choose the samples of both parts. On the CPU as many threads work as torch may
    use, and a seed's numbers are the same bits whatever the block, the threads and the interruptions. With
    `checkpoint`, the state is written there whenever `checkpoint_seconds` have passed and read from there at the
    start, where it belongs to the same settings, seeds, data and versions; the file is removed at the end.
    `on_progress(epochs done, epochs in all)` is called after every epoch; what it raises ends the training.

    Raises InfoplaneError for seeds, data or settings that cannot be trained.
    """
    where = torch.device(device)
    train_index, test_index = np.asarray(train_indices, np.int64), np.asarray(test_indices, np.int64)
    seeds = [int(seed) for seed in seeds]
    _check(settings, seeds, inputs, labels, len(train_index))
    classes = int(labels.max()) + 1

    def layout(count: int) -> Layout:
        return Layout(settings, inputs.shape[1], classes, count)

    train, test = (SampleTable(inputs[part], labels[part], layout(1), where) for part in (train_index, test_index))
    threads = min(torch.get_num_threads(), len(seeds)) if where.type == "cpu" else 1
    with one_thread_each(threads) as run:

        def start(parts: list[slice]) -> list[tuple[Shard, slice]]:
            workspaces: Workspaces = {}
            return [
                (Shard(settings, seeds[p], layout(p.stop - p.start), train, test, where, workspaces), p) for p in parts
            ]

        work = run(start, lanes(len(seeds), threads, where))
        all_shards = [shard for lane in work for shard, _ in lane]
        recorder = Recorder(settings, seeds, all_shards[0])
        text = identity(settings, seeds, (inputs, labels, train_index, test_index), where) if checkpoint else ""
        resumed = read_checkpoint(checkpoint, text) if checkpoint else None
        done = -1
        if resumed is not None:
            done = int(resumed["epoch"])
            for shard, part in itertools.chain(*work):
                shard.restore({name[6:]: values[part] for name, values in resumed.items() if name.startswith("state/")})
            for name, values in recorder.arrays().items():
                values[:, : resumed[f"record/{name}"].shape[1]] = resumed[f"record/{name}"]
        written = time.monotonic()
        for epoch in range(done + 1, settings.epochs + 1):
            is_recorded = epoch in recorder.column

            def advance(lane: list[tuple[Shard, slice]], epoch: int = epoch, is_recorded: bool = is_recorded) -> None:
                with torch.no_grad():
                    for shard, part in lane:
                        if epoch > 0:
                            shard.run_epoch(epoch, gradients=is_recorded and settings.record_gradients)
                        if is_recorded:
                            recorder.record(epoch, shard, part)

            run(advance, work)
            if checkpoint and epoch < settings.epochs and time.monotonic() - written >= checkpoint_seconds:
                write_checkpoint(checkpoint, text, _checkpoint_arrays(epoch, all_shards, recorder))
                written = time.monotonic()
            if on_progress and epoch > 0:
                on_progress(epoch, settings.epochs)
    if checkpoint:
        remove_checkpoint(checkpoint)
    return recorder.finish(np.concatenate([shard.diverged.cpu().numpy() for shard in all_shards]))


def _checkpoint_arrays(epoch: int, all_shards: Sequence[Shard], recorder: Recorder) -> Arrays:
    states = [shard.state() for shard in all_shards]
    columns = int(np.searchsorted(recorder.epochs, epoch, side="right"))
    return {
        "epoch": np.array(epoch),
        **{f"state/{name}": np.concatenate([state[name] for state in states]) for name in states[0]},
        **{f"record/{name}": values[:, :columns] for name, values in recorder.arrays().items()},
    }
