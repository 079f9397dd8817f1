"""Effects of a penalty against scipy and by hand, on simulated studies whose effects are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from infoplane.statistics.tables.compression import compression
from infoplane.statistics.tables.effects import OF_LAYERS, OF_TRAINING, cliffs_delta, compare, effects


@pytest.fixture(scope="module")
def measured(simulated):
    study = simulated.study(simulated.runs(("tanh", "relu"), (0.015, 0.05)), seeds=7, diverged={("relu", 2): 20})
    return compression(study["information"], study["training"])


@pytest.fixture(scope="module")
def of_runs(simulated):
    return simulated.settings_of(simulated.study(simulated.runs(("tanh", "relu"), (0.015, 0.05)), seeds=1))


def rows_of(table, **chosen):
    for name, value in chosen.items():
        table = table[table[name] == value]
    return table


def test_against_scipy(measured, of_runs):
    table = effects(measured, of_runs)
    row = rows_of(table, run="relu-l2-0.015", estimator="ebab", layer=4, measure="drop").iloc[0]
    chosen = rows_of(measured, estimator="ebab", layer=4).set_index("seed")
    a, b = (rows_of(chosen, run=run)["drop"].drop(2).to_numpy() for run in ("relu-l2-0.015", "relu"))
    test = stats.ttest_rel(a, b)
    interval = test.confidence_interval(0.95)
    assert row[["n", "baseline", "layers"]].tolist() == [6, "relu", "4"]
    assert row["difference"] == pytest.approx(a.mean() - b.mean())
    assert row[["difference_lower", "difference_upper"]].tolist() == pytest.approx([interval.low, interval.high])
    u = stats.mannwhitneyu(a, b).statistic
    assert row["cliffs_delta"] == pytest.approx(2 * u / (len(a) * len(b)) - 1)
    assert row["cliffs_delta_lower"] < row["cliffs_delta"] < row["cliffs_delta_upper"] or abs(row["cliffs_delta"]) == 1


def test_every_penalised_run_layer_and_measure_has_a_row(measured, of_runs):
    table = effects(measured, of_runs)
    assert set(table["run"]) == {"relu-l2-0.015", "relu-l2-0.05"}
    per_series = 6 * len(OF_LAYERS) + 1
    assert (table.groupby("run").size() == 6 * per_series + len(OF_TRAINING)).all()
    numbers = ["mean", "difference", "difference_lower", "difference_upper", "permutation_p", "holm_p", "cliffs_delta"]
    missing = table[numbers].isna()
    assert (missing.all(axis=1) == (table["status"] != "ok")).all()
    assert (missing.any(axis=1) == (table["status"] != "ok")).all()
    assert table.loc[table["status"] != "ok", "status"].str.startswith("not estimable: ").all()


def test_permutation_p_is_that_of_all_exchanges_of_sign():
    random = np.random.default_rng(1)
    a, b = random.random(8) + 0.2, random.random(8)
    exact = stats.permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    found = compare(a, b, confidence=0.95, number=50000, seed=0)
    assert found["permutation_p"] == pytest.approx(exact, abs=0.01)


def test_the_spread_leaves_out_layers_at_the_ceiling(measured, of_runs):
    # Layer 5 of the baseline alone is put at the ceiling: it is left out of both runs.
    table = rows_of(measured, estimator="ebab").copy()
    table.loc[(table["run"] == "relu") & (table["layer"] == 5), "at_ceiling"] = True
    table.loc[(table["layer"] < 3), "at_ceiling"] = False
    row = rows_of(effects(table, of_runs), run="relu-l2-0.05", measure="spread").iloc[0]
    assert row["layers"] == "1 2 3 4 6"
    left = table[table["layer"] != 5].pivot_table(index=["run", "seed"], columns="layer", values="i_tx_end")
    expected = left.std(axis=1, ddof=1)
    assert row["mean"] == pytest.approx(expected["relu-l2-0.05"].drop(2).mean())
    # Seed 2 diverged without the penalty, so it is in neither mean.
    assert row["mean_baseline"] == pytest.approx(expected["relu"].mean())
    assert row["n"] == 6
    table["at_ceiling"] = table["layer"] != 6
    row = rows_of(effects(table, of_runs), run="relu-l2-0.05", measure="spread").iloc[0]
    assert row["status"] == "not estimable: 1 of 6 layers are below the ceiling H(X), 2 are needed"
    layer = rows_of(effects(table, of_runs), run="relu-l2-0.05", measure="drop", layer=3).iloc[0]
    assert layer["status"] == "not estimable: all seeds of both runs are at the ceiling H(X)"
    assert np.isnan(layer["difference"])


@pytest.mark.parametrize(
    ("run", "changes", "status"),
    [
        ("relu", {"learning_rate": 0.5}, "not estimable: no run without a penalty is otherwise equal"),
        (
            "tanh",
            {"activations": ("relu",) * 5},
            "not estimable: 2 runs without a penalty are otherwise equal (tanh, relu)",
        ),
    ],
)
def test_a_run_without_a_baseline(measured, of_runs, run, changes, status):
    table = rows_of(measured, estimator="ebab").copy()
    found = effects(table, {**of_runs, run: dataclasses.replace(of_runs[run], **changes)})
    assert found["status"].tolist() == [status] * 2


def test_without_penalties_the_table_has_columns_and_no_rows(measured, of_runs):
    table = effects(measured[measured["l2"] == 0], of_runs)
    assert table.empty
    assert list(table.columns) == list(effects(measured, of_runs).columns)


def test_two_seeds_and_all_diverged(measured, of_runs):
    two = effects(measured[measured["seed"] < 2], of_runs)
    assert two["status"].str.startswith("not estimable: ").all()
    accuracy = two.loc[two["measure"] == "test_accuracy", "status"]
    assert set(accuracy) == {"not estimable: 2 seeds in both runs, 3 are needed"}
    gone = measured.assign(diverged=(measured["run"] == "relu") | measured["diverged"])
    assert set(effects(gone, of_runs)["status"]) == {"not estimable: no seed is left in both runs"}


def test_equal_values_have_no_effect():
    found = compare(np.full(5, 0.3), np.full(5, 0.3), confidence=0.95, number=200, seed=0)
    assert [found[name] for name in ("difference", "difference_lower", "difference_upper")] == [0, 0, 0]
    assert (found["permutation_p"], found["cliffs_delta"]) == (1.0, 0.0)


def test_cliffs_delta_without_overlap_is_uncertain_all_the_same():
    a = np.arange(10.0)
    delta, lower, upper = cliffs_delta(a + 20, a)
    assert (delta, upper) == (1.0, 1.0)
    assert 0.4 < lower < 0.8
    assert cliffs_delta(a, a + 20) == pytest.approx((-1, -1, -lower))
    # More seeds know more.
    assert cliffs_delta(np.arange(50.0) + 99, np.arange(50.0))[1] > lower + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_coverage_of_cliffs_delta(shift):
    random = np.random.default_rng(2)
    truth = 2 * stats.norm.cdf(shift / np.sqrt(2)) - 1
    covered = []
    for _ in range(1000):
        _, lower, upper = cliffs_delta(random.normal(shift, 1, 20), random.normal(0, 1, 20))
        covered.append(lower <= truth <= upper)
    # Newcombe's interval is cautious near the ends, where others have no width at all.
    assert 0.92 <= np.mean(covered) <= (0.99 if shift == 2 else 0.98)


def test_effects_are_the_same_each_time(measured, of_runs):
    pd.testing.assert_frame_equal(
        effects(measured, of_runs), effects(measured.sample(frac=1, random_state=0).sort_index(), of_runs)
    )
