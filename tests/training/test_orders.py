from __future__ import annotations

import json

import numpy as np
import pytest

from infoplane.training.initialisation import SAMPLE_ORDER, stream
from infoplane.training.orders import Orders

SEEDS = range(5)


def generators():
    return [stream(7, seed, SAMPLE_ORDER) for seed in SEEDS]


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 5, 31, 32, 33, 1000, 3277, 65537])
def test_orders_are_those_of_numpy(samples):
    ours, theirs = Orders(generators()), generators()
    out = np.empty((len(SEEDS), samples), dtype=np.int32)
    for _ in range(5):
        ours.draw(out)
        assert np.array_equal(out, [generator.permutation(samples) for generator in theirs])
        # What numpy no longer needs of a state it keeps as it was.
        assert ours.state == [generator.bit_generator.state for generator in theirs]


def test_orders_go_on_from_a_stored_state():
    first, out, again = Orders(generators()), *(np.empty((len(SEEDS), 10), dtype=np.int32) for _ in range(2))
    first.draw(out)
    text = json.dumps(first.state)
    first.draw(out)
    second = Orders(generators())
    second.state = json.loads(text)
    second.draw(again)
    assert np.array_equal(out, again)
    assert second.state == first.state
