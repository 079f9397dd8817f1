"""What depends on the number of inputs, units, seeds and threads: products, layout, and how seeds are shared out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from infoplane.training import train_block
from infoplane.training.layout import Layout
from infoplane.training.threads import lanes, one_thread_each

from .test_block import train_reference


@pytest.mark.parametrize("features", [61, 64, 90])
@pytest.mark.parametrize("batch_size", [64, None])
def test_training_on_many_inputs_is_that_of_torch(features, batch_size, make_settings, small):
    """Samples of few and of many inputs are gathered in two ways, and the labels lie in two places."""
    random = np.random.default_rng(features)
    inputs = np.concatenate([small.inputs, random.standard_normal((300, features - 9)).astype(np.float32) / 4], axis=1)
    task = replace(small, inputs=inputs)
    changes = {"hidden_layers": (6, 5), "penalised_layers": (1, 2), "learning_rate": 0.05, "optimiser": "sgd"}
    settings = make_settings(batch_size=batch_size, epochs=4, **changes)
    record = train_block(settings, [4, 11], *task)
    for row, seed in enumerate([4, 11]):
        network, _ = train_reference(settings, task, seed)
        for name, expected in network.parameters_by_name.items():
            found = record.parameters[name][row, -1]
            np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-3, atol=3e-5, err_msg=name)
            assert np.abs(found - record.parameters[name][row, 0]).max() > 1e-3, name


@pytest.mark.parametrize("seeds", [1, 3, 17])
@pytest.mark.parametrize("units", [(1,), (16, 48), (5, 7, 64), (10, 7, 5, 4, 3)])
@pytest.mark.parametrize("normalised", [False, True])
def test_parameters_lie_one_after_the_other_on_whole_cache_lines(seeds, units, normalised, make_settings):
    changes = {"hidden_layers": units, "activation": "prelu", "batch_normalisation": normalised}
    layout = Layout(make_settings(**changes, penalised_layers=(1,)), 12, 3, seeds)
    end = 0
    for part in layout.parts:
        assert part.offset == end, part.name
        size = seeds * math.prod(part.shape)
        assert part.size == size
        # Rounded up to 64 numbers: four cache lines.
        end += math.ceil(size / 64) * 64
    assert layout.length == end
    names = [part.name for part in layout.parts]
    of_layer = ["matrix", "slopes", *(["scale", "shift"] if normalised else [])]
    hidden = [f"layer{layer}/{kind}" for layer in range(1, len(units) + 1) for kind in of_layer]
    assert names == [*hidden, f"layer{len(units) + 1}/matrix"]
    # The fewest columns for the inputs and the bias that end each seed's matrix on a cache line of 16 numbers.
    for number, (inputs, outputs) in enumerate(zip((12, *units), (*units, 3), strict=True)):
        fewest = next(columns for columns in range(inputs + 1, inputs + 18) if columns * outputs % 16 == 0)
        assert layout.columns[number] == fewest
        assert layout.parts[names.index(f"layer{number + 1}/matrix")].shape == (outputs, fewest)
    # All parts together are the flat tensor but for what fills it up, and none has what another has.
    flat = torch.arange(layout.length, dtype=torch.float32)
    views = layout.views(flat)
    every = torch.cat([view.flatten() for view in views.values()])
    assert len(every.unique()) == len(every) == sum(part.size for part in layout.parts)


@pytest.mark.parametrize(("seeds", "threads"), [(1, 1), (1, 4), (5, 2), (17, 1), (18, 1), (40, 3), (100, 4)])
def test_seeds_are_shared_out_evenly(seeds, threads):
    shared = lanes(seeds, threads, torch.device("cpu"))
    assert len(shared) == min(seeds, threads)
    parts = [part for lane in shared for part in lane]
    assert [seed for part in parts for seed in range(seeds)[part]] == list(range(seeds))
    of_lanes = [sum(part.stop - part.start for part in lane) for lane in shared]
    assert max(of_lanes) - min(of_lanes) <= 1
    for lane, count in zip(shared, of_lanes, strict=True):
        sizes = [part.stop - part.start for part in lane]
        # At most 17 at once, in as few shards as that takes.
        assert len(sizes) == math.ceil(count / 17)
        assert max(sizes) - min(sizes) <= 1
    assert lanes(seeds, threads, torch.device("cuda")) == [[slice(0, seeds)]]


@pytest.mark.parametrize("threads", [1, 3])
def test_each_thread_computes_alone_and_torch_is_as_before(threads):
    torch.set_num_threads(2)
    with one_thread_each(threads) as run:
        assert run(lambda item: (item, torch.get_num_threads()), [5, 6, 7]) == [(5, 1), (6, 1), (7, 1)]
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with pytest.raises(ZeroDivisionError), one_thread_each(threads) as run:
        run(lambda item: 1 / item, [0])
    assert torch.get_num_threads() == 2
