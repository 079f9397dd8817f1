"""Correlations against scipy called directly, and the pooled ones against regression with a factor."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from infoplane.statistics import GENERALISATION, MEASURES, compression, correlation
from infoplane.statistics.correlation import pooled_over_runs, within_run

NUMBERS = ["pearson_r", "pearson_lower", "pearson_upper", "pearson_p", "spearman_rho", "spearman_p"]


def compressed(drops, accuracies, *, run="tanh", diverged=(), at_ceiling=False, n_layers=3):
    """A table of compression with one layer, built by hand."""
    n = len(drops)
    accuracies = np.asarray(accuracies, dtype=float)
    return pd.DataFrame(
        {
            "run": run,
            "dataset": "szt",
            "activation": run,
            "l2": 0.0,
            "seed": np.arange(n),
            "layer": 2,
            "estimator": "ebab",
            "bound": "none",
            "n_layers": n_layers,
            "method": "ebab",
            "assumption": "30 bins",
            "h_x": 12.0,
            "h_y": 1.0,
            "drop": np.asarray(drops, dtype=float),
            "balance": np.asarray(drops, dtype=float) ** 2,
            "final": np.sin(np.asarray(drops, dtype=float)),
            "at_ceiling": at_ceiling,
            "test_accuracy": accuracies,
            "test_loss": 1 - accuracies,
            "accuracy_gap": 0.5 - accuracies**2,
            "diverged": [seed in diverged for seed in range(n)],
        }
    )


def primary(table, scope="run"):
    chosen = (table["scope"] == scope) & (table["measure"] == "drop") & (table["generalisation"] == "test_accuracy")
    return table[chosen]


def test_against_scipy():
    random = np.random.default_rng(3)
    drops, accuracies = random.random(12), random.random(12)
    result = correlation(compressed(drops, accuracies, diverged=[4]))
    assert len(result) == len(MEASURES) * len(GENERALISATION)
    row = primary(result).iloc[0]
    x, y = np.delete(drops, 4), np.delete(accuracies, 4)
    pearson, spearman = stats.pearsonr(x, y), stats.spearmanr(x, y)
    interval = pearson.confidence_interval(0.95)
    expected = [pearson.statistic, interval.low, interval.high, pearson.pvalue, spearman.statistic, spearman.pvalue]
    assert row[NUMBERS].tolist() == pytest.approx(expected)
    assert row[["n_seeds", "n_diverged", "n", "n_runs", "degrees_of_freedom"]].tolist() == [12, 1, 11, 1, 9]
    assert row["status"] == "ok"
    losses = result[(result["measure"] == "drop") & (result["generalisation"] == "test_loss")].iloc[0]
    assert losses["pearson_r"] == pytest.approx(-row["pearson_r"])


@pytest.mark.parametrize(
    ("table", "status"),
    [
        (compressed([0.1, 0.2], [0.9, 0.8]), "not estimable: 2 of 2 seeds are usable, 3 are needed"),
        (compressed([0.1, 0.2, 0.4], [0.9, 0.8, 1], diverged=[0, 2]), "1 of 3 seeds is usable, 3 are needed"),
        (compressed([0.1, 0.2, 0.4], [1, 1, 1], diverged=[0, 1, 2]), "0 of 3 seeds are usable, 3 are needed"),
        (
            compressed([0.1, np.nan, 0.4], [0.9, 0.8, 1]),
            "2 of 3 seeds are usable, 3 are needed (drop is undefined for 1)",
        ),
        (compressed([0.25] * 5, [0.9, 0.8, 0.7, 0.6, 1]), "not estimable: drop is 0.25 for all 5 seeds"),
        (compressed([0.1, 0.2, 0.3], [0.9] * 3), "not estimable: test_accuracy is 0.9 for all 3 seeds"),
        (compressed([0.1, 0.2, 0.3], [0.9, 0.8, 1], at_ceiling=True), "all 3 seeds are at the ceiling H(X)"),
    ],
)
def test_not_estimable(table, status):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = primary(correlation(table)).iloc[0]
    assert status in row["status"]
    assert row["status"].startswith("not estimable: ")
    assert row[NUMBERS].isna().all()


def test_three_seeds_have_the_widest_interval():
    row = primary(correlation(compressed([0.1, 0.2, 0.4], [0.9, 0.8, 1]))).iloc[0]
    assert (row["pearson_lower"], row["pearson_upper"]) == (-1, 1)
    assert row["status"] == "ok"


def test_a_run_between_others_does_not_pose_as_a_correlation():
    # Within each run compression and accuracy are unrelated; between the runs both rise together.
    random = np.random.default_rng(0)
    runs = [compressed(k + 0.1 * random.random(40), k + 0.1 * random.random(40), run=f"run {k}") for k in range(4)]
    table = pd.concat(runs, ignore_index=True)
    assert stats.pearsonr(table["drop"], table["test_accuracy"]).statistic > 0.99
    row = primary(correlation(table), "pooled").iloc[0]
    assert abs(row["pearson_r"]) < 0.2
    assert row[["run", "n", "n_runs", "degrees_of_freedom"]].tolist() == ["all runs", 160, 4, 155]
    assert row["dataset"] == "szt"
    assert row["activation"] is None or pd.isna(row["activation"])


def test_pooled_p_value_is_that_of_a_regression_with_the_run_as_a_factor():
    random = np.random.default_rng(5)
    xs = [random.normal(k, 1 + k, size) for k, size in enumerate((5, 9, 2, 7))]
    ys = [0.3 * x + random.normal(-k, 1, len(x)) for k, x in enumerate(xs)]
    result = pooled_over_runs(xs, ys)

    # F test of the slope beside one intercept per run.
    x, y = np.concatenate(xs), np.concatenate(ys)
    factor = np.repeat(np.arange(4), [len(part) for part in xs])[:, None] == np.arange(4)
    residuals = [
        np.linalg.lstsq(design, y, rcond=None)[1].item()
        for design in (factor.astype(float), np.column_stack([factor, x]))
    ]
    freedom = len(x) - 5
    f = (residuals[0] - residuals[1]) / (residuals[1] / freedom)
    assert result.degrees_of_freedom == freedom
    assert result.pearson_p == pytest.approx(stats.f.sf(f, 1, freedom))
    assert result.pearson_r**2 == pytest.approx(1 - residuals[1] / residuals[0])


def test_pooling_one_run_changes_nothing():
    random = np.random.default_rng(6)
    x, y = random.random(11), random.random(11)
    pooled, alone = pooled_over_runs([x], [y]), within_run(x, y)
    for name in ("n", "degrees_of_freedom", *NUMBERS):
        assert getattr(pooled, name) == pytest.approx(getattr(alone, name)), name


def test_coverage_of_the_pooled_interval():
    # 600 studies of 5 runs and 8 seeds with a partial correlation of 0.5, in spite of shifts between the runs.
    random = np.random.default_rng(7)
    x = random.normal(size=(600, 5, 8))
    y = 0.5 * x + np.sqrt(0.75) * random.normal(size=x.shape) + random.normal(0, 5, (600, 5, 1))
    results = [pooled_over_runs(list(xs), list(ys)) for xs, ys in zip(x, y, strict=True)]
    covered = np.mean([result.pearson_lower <= 0.5 <= result.pearson_upper for result in results])
    assert 0.925 <= covered <= 0.975


def test_runs_that_cannot_vary_are_left_out_of_the_pool():
    random = np.random.default_rng(8)
    varied = [compressed(random.random(5), random.random(5), run=name) for name in ("tanh", "relu")]
    constant = compressed([0.0] * 5, random.random(5), run="abs")
    ceiling = compressed(1e-4 * random.random(5), random.random(5), run="elu", at_ceiling=True)
    row = primary(correlation(pd.concat([*varied, constant, ceiling], ignore_index=True)), "pooled").iloc[0]
    assert row[["n_seeds", "n", "n_runs", "degrees_of_freedom"]].tolist() == [20, 10, 2, 7]
    alone = primary(correlation(pd.concat([constant, ceiling], ignore_index=True)), "pooled").iloc[0]
    assert alone["status"] == "not estimable: no run has compression that varies over seeds"


def test_layers_of_networks_of_different_depth_are_not_pooled():
    random = np.random.default_rng(9)
    shallow = compressed(random.random(5), random.random(5), run="tanh", n_layers=3)
    deep = compressed(random.random(5), random.random(5), run="deep", n_layers=6)
    assert (correlation(pd.concat([shallow, deep], ignore_index=True))["scope"] == "run").all()


def test_no_number_is_missing_without_a_reason(simulated):
    study = simulated.study(simulated.runs(("tanh", "relu")), seeds=4, diverged={("tanh", 1): 20, ("tanh", 2): 1})
    table = correlation(compression(study["information"], study["training"]))
    assert set(table["scope"]) == {"run", "pooled"}
    missing = table[NUMBERS].isna().any(axis=1)
    assert (table["status"][missing].str.startswith("not estimable: ")).all()
    assert (table["status"][~missing] == "ok").all()
    assert (~missing).sum() > 100
