"""Phases of mean trajectories, against hand-computed cases and simulated peaks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from infoplane.statistics.tables.phases import phases


def tables(values, *, h_x=12.0, diverged=(), epochs=None):
    seeds, count = values.shape
    epochs = np.arange(count) if epochs is None else epochs
    keys = {"run": "relu", "dataset": "szt", "activation": "relu", "l2": 0.0}
    information = pd.DataFrame(
        {
            **keys,
            "seed": np.repeat(np.arange(seeds), count),
            "epoch": np.tile(epochs, seeds),
            "layer": 2,
            "n_layers": 3,
            "estimator": "ebab",
            "method": "ebab",
            "bound": "none",
            "assumption": "30 bins",
            "h_x": h_x,
            "h_y": 1.0,
            "i_tx": values.ravel(),
            "varying_units": 3.0,
        }
    )
    since = [3 if seed in diverged else -1 for seed in range(seeds)]
    return information, pd.DataFrame({**keys, "seed": np.arange(seeds), "epoch": 0, "diverged_epoch": since})


def test_by_hand():
    values = np.array([[2.0, 4, 8, 3], [4, 6, 6, 1]])
    row = phases(*tables(values, epochs=np.array([0, 10, 100, 1000]))).iloc[0]
    # The mean trajectory is 3, 5, 7, 2.
    assert row[["n", "epoch_of_maximum", "rise", "fall"]].tolist() == [2, 100, 4, 5]
    assert row["extent"] == pytest.approx(5 / 7)
    assert row["status"] == "ok"
    assert row["interval_status"] == "not estimable: 2 seeds, 5 are needed for a bootstrap interval"
    assert np.isnan(row["rise_lower"])


def test_the_end_is_the_mean_of_the_last_tenth():
    row = phases(*tables(np.tile(np.r_[np.full(18, 6.0), 2.0, 4.0], (5, 1)))).iloc[0]
    assert row["fall"] == pytest.approx(3)
    assert row[["fall_lower", "fall_upper", "epoch_of_maximum_lower"]].tolist() == pytest.approx([3, 3, 0])
    assert row["interval_status"] == "ok"


def test_diverged_and_incomplete_seeds_are_left_out():
    values = np.ones((7, 6)) + np.arange(7)[:, None]
    values[2, 4:] = np.nan
    row = phases(*tables(values, diverged=[0])).iloc[0]
    assert (row["n"], row["status"]) == (5, "ok")
    gone = phases(*tables(values, diverged=range(7))).iloc[0]
    assert gone["status"] == gone["interval_status"] == "not estimable: no seed of 7 has every epoch"


def test_ceiling_is_uninformative_and_a_dead_layer_is_flat():
    row = phases(*tables(np.full((6, 9), 11.999))).iloc[0]
    assert (row["n_at_ceiling"], row["extent"]) == (6, 0)
    assert row["status"] == "uninformative: every seed is at the ceiling H(X) for the whole training"
    # Within a hundredth of a bit counts as there, unless another tolerance is given.
    for level, tolerance, ceiling in ((11.992, 0.01, 6), (11.985, 0.01, 0), (11.985, 0.02, 6), (11.992, 0.001, 0)):
        found = phases(*tables(np.full((6, 9), level)), ceiling_tolerance=tolerance).iloc[0]
        assert found["n_at_ceiling"] == ceiling, (level, tolerance)
    assert phases(*tables(np.full((6, 9), 11.992)))["n_at_ceiling"].tolist() == [6]
    assert phases(*tables(np.full((6, 9), 11.985)))["n_at_ceiling"].tolist() == [0]
    dead = phases(*tables(np.zeros((6, 9)))).iloc[0]
    assert dead[["rise", "fall", "extent", "epoch_of_maximum"]].tolist() == [0, 0, 0, 0]


@pytest.mark.slow
def test_coverage_of_the_epoch_of_the_maximum_and_of_the_fall():
    # 500 studies of 30 seeds; the mean trajectory is known, seeds differ in height and in where they peak.
    random = np.random.default_rng(3)
    epochs = np.arange(40)
    covered = []
    for _ in range(500):
        peak = random.normal(20, 4, (30, 1))
        fall = random.gamma(4, 0.05, (30, 1))
        values = 9 - fall * np.abs(epochs - peak) + random.normal(0, 0.3, (30, 1))
        row = phases(*tables(values), number=500).iloc[0]
        # Of many seeds: the mean trajectory peaks at 20 and ends, over the last four epochs, this much lower.
        truth = 0.2 * (np.abs(37.5 - 20) - np.sqrt(2 / np.pi) * 4)
        covered.append(
            (
                row["epoch_of_maximum_lower"] <= 20 <= row["epoch_of_maximum_upper"],
                row["fall_lower"] <= truth <= row["fall_upper"],
            )
        )
    # Epochs are whole numbers, so that an interval of them covers rather more than it says.
    assert np.mean(covered, axis=0)[0] >= 0.92
    assert 0.91 <= np.mean(covered, axis=0)[1] <= 0.98
