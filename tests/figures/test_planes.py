"""The numbers behind the information plane."""

from __future__ import annotations

import pandas as pd

from infoplane.figures.parts.planes import mean_over_seeds


def test_the_mean_over_seeds_that_did_not_diverge():
    """The fourth seed diverged; mean and median of the others differ."""
    seeds = pd.DataFrame({"run": "a", "seed": range(4), "epoch": 7, "layer": 1, "h_x": 12.0, "h_y": 1.0})
    information = seeds.assign(i_tx=[1.0, 2.0, 9.0, 100.0], i_ty=[0.1, 0.2, 0.9, 100.0])
    training = seeds.assign(diverged_epoch=[-1, -1, -1, 3])
    row = mean_over_seeds(information, training, ["run", "epoch", "layer"]).iloc[0]
    assert row[["i_tx", "h_x", "h_y"]].tolist() == [4.0, 12.0, 1.0]
    assert round(row["i_ty"], 12) == 0.4
