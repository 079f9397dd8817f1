"""The measures of compression against hand-computed cases and a slow, readable twin."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from infoplane.errors import InfoplaneError
from infoplane.statistics.inference.intervals import mean_intervals
from infoplane.statistics.tables.compression import compression
from infoplane.statistics.tables.compression_summary import compression_summary


def tables(*trajectories, h_x=12.0, diverged=(), epochs=None):
    """A study of one run, one layer and one estimator whose seeds have these I(T;X)."""
    training, information = [], []
    for seed, i_tx in enumerate(trajectories):
        recorded = np.arange(len(i_tx)) if epochs is None else np.asarray(epochs)
        accuracy = np.linspace(0.5, 0.9 + 0.01 * seed, len(i_tx))
        keys = {"run": "tanh", "dataset": "szt", "activation": "tanh", "l2": 0.0, "seed": seed, "epoch": recorded}
        history = {"train_loss": 0.3, "train_accuracy": accuracy + 0.05, "test_loss": 0.4, "test_accuracy": accuracy}
        training.append(pd.DataFrame({**keys, **history, "diverged_epoch": 3 if seed in diverged else -1}))
        series = {"estimator": "ebab", "method": "ebab", "bound": "none", "assumption": "30 bins"}
        values = {"i_tx": np.asarray(i_tx, dtype=float), "i_ty": 0.5, "varying_units": 3.0, "h_x": h_x, "h_y": 1.0}
        information.append(pd.DataFrame({**keys, "layer": 2, "n_layers": 3, **series, **values}))
    return pd.concat(information, ignore_index=True), pd.concat(training, ignore_index=True)


def slow_measures(i_tx, h_x):
    """Readable twin of drop, balance and final for one trajectory."""
    values = [float(value) for value in i_tx]
    tail = values[-max(1, len(values) // 10) :]
    end = sum(tail) / len(tail)
    decreases = sum(max(before - after, 0) for before, after in itertools.pairwise(values))
    increases = sum(max(after - before, 0) for before, after in itertools.pairwise(values))
    drop = (max(values) - end) / max(values) if max(values) > 0 else np.nan
    change = decreases + increases
    return drop, (decreases - increases) / change if change > 0 else np.nan, 1 - end / h_x


def test_hand_computed():
    # 2 -> 4 -> 3 -> 1: the largest is 4 at epoch 10, the end is the last epoch alone (a tenth of 4 is less than 1).
    information, training = tables([2, 4, 3, 1], h_x=8, epochs=[0, 10, 100, 1000])
    row = compression(information, training).iloc[0]
    assert row["drop"] == pytest.approx(3 / 4)
    assert row["balance"] == pytest.approx((3 - 2) / (3 + 2))
    assert row["final"] == pytest.approx(1 - 1 / 8)
    assert (row["i_tx_start"], row["i_tx_maximum"], row["i_tx_end"], row["i_ty_end"]) == (2, 4, 1, 0.5)
    assert (row["epoch_of_maximum"], row["end_from_epoch"]) == (10, 1000)
    assert row["test_accuracy"] == pytest.approx(0.9)
    assert row["accuracy_gap"] == pytest.approx(0.05)
    assert row["status"] == "ok"
    assert (row["activation"], row["assumption"], row["layer"], row["n_layers"]) == ("tanh", "30 bins", 2, 3)


def test_end_is_the_mean_of_the_last_tenth():
    i_tx = np.r_[np.full(18, 6.0), 2.0, 4.0]
    row = compression(*tables(i_tx)).iloc[0]
    assert row["i_tx_end"] == pytest.approx(3.0)
    assert row["drop"] == pytest.approx(0.5)
    assert row["end_from_epoch"] == 18
    # Accuracy rises linearly from 0.5 to 0.9; its end is the mean of the same two epochs.
    assert row["test_accuracy"] == pytest.approx(np.mean(np.linspace(0.5, 0.9, 20)[-2:]))
    information, training = tables(i_tx)
    assert compression(information.assign(i_ty=np.arange(20.0)), training)["i_ty_end"].tolist() == [18.5]
    half = compression(*tables(i_tx), end_share=0.5).iloc[0]
    assert half["i_tx_end"] == pytest.approx((8 * 6 + 2 + 4) / 10)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.integers(0, 1200).map(lambda value: value / 100), min_size=1, max_size=45), min_size=1, max_size=4
    ),
    st.randoms(use_true_random=False),
)
def test_equals_the_slow_twin(trajectories, random):
    information, training = tables(*trajectories)
    rows = list(range(len(information)))
    random.shuffle(rows)
    result = compression(information.iloc[rows], training)
    for seed, i_tx in enumerate(trajectories):
        row = result[result["seed"] == seed].iloc[0]
        np.testing.assert_allclose(
            row[["drop", "balance", "final"]].to_numpy(dtype=float), slow_measures(i_tx, 12.0), atol=1e-12
        )
        assert row["epoch_of_maximum"] == int(np.argmax(i_tx))
        assert (row["status"] == "ok") == (max(i_tx) > 0 and len(set(i_tx)) > 1)


def test_ceiling():
    rounding = 12 - np.array([0, 1e-15, 3e-15, 0, 2e-12])
    rows = compression(*tables(rounding, np.full(5, 11.995), [12, 12, 12, 12, 11.9]))
    assert rows["at_ceiling"].tolist() == [True, True, False]
    assert rows["ceiling_share"].tolist() == [1.0, 1.0, 0.8]
    # Rounding errors at the ceiling are no compression, in any direction.
    assert rows["epoch_of_maximum"].iloc[0] == 0
    assert np.isnan(rows["balance"].iloc[0])
    assert rows["status"].iloc[0] == "balance not estimable: I(T;X) never changes"
    assert rows["status"].iloc[2] == "ok"
    assert compression(*tables([12, 12, 11.9]), ceiling_tolerance=0.2)["at_ceiling"].all()


def test_dead_layer():
    row = compression(*tables(np.zeros(5))).iloc[0]
    assert np.isnan(row["drop"])
    assert np.isnan(row["balance"])
    assert row["final"] == 1.0
    assert row["status"] == (
        "drop not estimable: I(T;X) is 0 at every recorded epoch; balance not estimable: I(T;X) never changes"
    )


def test_diverged_seeds_stay_but_are_flagged():
    rows = compression(*tables([1, 3, 2, np.nan, np.nan], [1, 3, 2, 2, 2], diverged=[0]))
    assert rows["diverged"].tolist() == [True, False]
    assert rows["diverged_epoch"].tolist() == [3, -1]
    assert rows.loc[0, ["drop", "balance", "final"]].isna().all()
    assert rows["status"].tolist() == ["not estimable: diverged at epoch 3", "ok"]
    summary = compression_summary(rows).set_index("measure")
    assert summary.loc["drop", ["n_seeds", "n_diverged", "n_not_estimable", "n"]].tolist() == [2, 1, 0, 1]
    assert summary.loc["drop", "status"] == "one seed: no interval"
    assert summary.loc["drop", "mean"] == pytest.approx(1 / 3)


def test_missing_information_is_said():
    row = compression(*tables([1, np.nan, 2, 1])).iloc[0]
    assert row["status"] == "not estimable: I(T;X) is missing at 1 of 4 recorded epochs"
    assert row["epoch_of_maximum"] == -1


def test_no_measure_is_nan_without_a_reason(simulated):
    study = simulated.study(seeds=3, diverged={("tanh", 1): 20, ("relu", 0): 5, ("relu", 1): 5, ("relu", 2): 5})
    rows = compression(study["information"], study["training"])
    assert len(rows) == 9 * 3 * 6 * 6
    assert (rows["status"] != "ok")[rows[["drop", "balance", "final"]].isna().any(axis=1)].all()
    summary = compression_summary(rows)
    assert (summary["status"] != "ok")[summary[["mean", "sd", "lower", "upper"]].isna().any(axis=1)].all()
    relu = summary[(summary["run"] == "relu") & (summary["measure"] == "drop")]
    assert set(relu["status"]) == {"not estimable: all 3 seeds diverged"}


def test_errors():
    information, training = tables([1, 2, 3], [1, 2, 3])
    with pytest.raises(InfoplaneError, match=r"The table information lacks the column 'h_x'"):
        compression(information.drop(columns="h_x"), training)
    with pytest.raises(InfoplaneError, match="The table training has no rows"):
        compression(information, training.iloc[:0])
    with pytest.raises(InfoplaneError, match="no epochs from 2 on for run 'tanh', seed 1"):
        compression(information, training[training["seed"] == 0])
    with pytest.raises(InfoplaneError, match="two rows for the same run"):
        compression(pd.concat([information, information]), training)


def test_summary_against_scipy():
    random = np.random.default_rng(1)
    rows = compression(*tables(*random.uniform(1, 10, (7, 30))))
    summary = compression_summary(rows).set_index("measure")
    assert set(summary["status"]) == {"ok"}
    for measure in ("drop", "balance", "final", "i_tx_end", "epoch_of_maximum"):
        values = rows[measure].to_numpy(dtype=float)
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert summary.loc[measure, "mean"] == pytest.approx(values.mean())
        assert summary.loc[measure, "sd"] == pytest.approx(values.std(ddof=1))
        assert summary.loc[measure, ["lower", "upper"]].tolist() == pytest.approx([interval.low, interval.high])


def test_summary_says_when_compression_is_uninformative():
    summary = compression_summary(compression(*tables(np.full(9, 12.0), 12 - 0.001 * np.arange(9)))).set_index(
        "measure"
    )
    assert summary.loc["drop", "n_at_ceiling"] == 2
    assert summary.loc["drop", "status"] == "uninformative: all 2 seeds at the ceiling H(X) for the whole training"
    assert summary.loc["i_tx_end", "status"] == "ok"


def test_equal_values_have_an_interval_of_width_zero():
    result = mean_intervals(pd.DataFrame({"run": ["a"] * 4, "value": [2.0] * 4}), ["run"], "value").iloc[0]
    assert result[["n", "mean", "sd", "lower", "upper"]].tolist() == [4, 2, 0, 2, 2]
