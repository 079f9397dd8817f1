"""Correlations against scipy called directly, and the pooled ones against regression with a factor."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from infoplane.statistics.frames import GENERALISATION, MEASURES
from infoplane.statistics.inference import sums
from infoplane.statistics.inference.resampling import (
    bca_interval,
    bca_p,
    expanded,
    holm,
    permutation_p,
    resamples,
    resamples_for,
    smallest_p,
)
from infoplane.statistics.tables.compression import compression
from infoplane.statistics.tables.correlation import Resampled, correlation, pooled_over_runs, within_run

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
            "train_accuracy": 0.9 + 0.1 * np.cos(7 * np.arange(n)),
            "diverged": [seed in diverged for seed in range(n)],
            "dead": False,
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
    assert row["degrees_of_freedom"] == max(row["n"] - 2, 0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sign", [1, -1])
def test_a_perfect_correlation_has_an_interval_of_width_zero(sign):
    x = np.array([0.25, 0.5, 0.75, 1.0])
    for found in (within_run(x, sign * x), pooled_over_runs([x], [sign * x])):
        assert (found.pearson_r, found.pearson_lower, found.pearson_upper) == (sign, sign, sign)
    # With two seeds beyond the means every correlation is possible still.
    found = pooled_over_runs([x[:2], x[:2]], [sign * x[:2]] * 2)
    assert (found.degrees_of_freedom, found.pearson_lower, found.pearson_upper) == (1, -1, 1)


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


STATUS_OF = {
    "status": ["pearson_permutation_p", "spearman_permutation_p", "pearson_holm_p", "spearman_holm_p"],
    "interval_status": [name for name in Resampled.__slots__ if "bootstrap" in name and "partial" not in name],
    "partial_status": ["partial_r", "partial_permutation_p", "partial_holm_p"],
    "partial_interval_status": ["partial_bootstrap_lower", "partial_bootstrap_upper"],
}


def test_nothing_resampled_is_missing_without_a_reason(simulated):
    study = simulated.study(simulated.runs(("tanh", "relu")), seeds=6, diverged={("tanh", 1): 20, ("tanh", 2): 1})
    table = correlation(compression(study["information"], study["training"]), number=100)
    for status, columns in STATUS_OF.items():
        missing = table[columns].isna()
        reason = ~table[status].isin(["ok"])
        assert table.loc[reason, status].str.startswith("not estimable: ").all()
        if status == "interval_status":
            assert (missing.any(axis=1) == reason).all()
        else:
            assert (missing.all(axis=1) == reason).all(), status
            assert (missing.any(axis=1) == reason).all(), status


def test_equal_tables_and_seeds_give_equal_numbers():
    random = np.random.default_rng(11)
    table = compressed(random.random(8), random.random(8))
    pd.testing.assert_frame_equal(correlation(table), correlation(table.sample(frac=1, random_state=1)))
    other = primary(correlation(table, seed=1))["pearson_bootstrap_lower"]
    assert (primary(correlation(table))["pearson_bootstrap_lower"] != other).all()


def test_bca_is_scipys_for_the_same_resamples():
    random = np.random.default_rng(12)
    x = random.gamma(2, size=30)
    y = 0.5 * x + random.exponential(size=30)
    theirs = stats.bootstrap(
        (x, y),
        lambda a, b, axis: stats.pearsonr(a, b, axis=axis).statistic,
        paired=True,
        vectorized=True,
        n_resamples=3000,
        confidence_level=expanded(0.95, 30),
        method="BCa",
        rng=random,
    )
    jackknife = np.array([stats.pearsonr(np.delete(x, i), np.delete(y, i)).statistic for i in range(30)])
    estimate = stats.pearsonr(x, y).statistic
    *ours, status = bca_interval(estimate, theirs.bootstrap_distribution, jackknife, n=30, confidence=0.95)
    assert status == "ok"
    assert ours == pytest.approx(list(theirs.confidence_interval), abs=1e-12)


def test_the_p_value_of_a_threshold_is_where_the_interval_ends():
    random = np.random.default_rng(21)
    x = random.gamma(1, size=25)
    drawn = resamples(25, 20000, 0)
    bootstrap, jackknife = drawn.counts @ x / 25, drawn.left_out @ x / 24
    for confidence in (0.8, 0.95):
        ends = bca_interval(x.mean(), bootstrap, jackknife, n=25, confidence=confidence)[:2]
        for end in ends:
            assert bca_p(x.mean(), bootstrap, jackknife, end) == pytest.approx(1 - confidence, abs=0.005)
    assert bca_p(x.mean(), bootstrap, jackknife, 99.0) == pytest.approx(smallest_p(20000, 25))


@pytest.mark.parametrize(("n", "p"), [(10, 0.01), (30, 0.002), (50, 0.0005)])
def test_the_number_of_resamples_that_a_small_p_takes(n, p):
    number = resamples_for(p, n)
    assert smallest_p(number, n) <= p <= smallest_p(number // 2, n)
    assert resamples_for(1e-9, 5) == 100_000


def test_the_expanded_level():
    # Hesterberg's table: for n = 10 the 2.5 % of each tail become 0.86 %.
    assert (1 - expanded(0.95, 10)) / 2 == pytest.approx(0.0086, abs=1e-4)
    assert expanded(0.95, 100_000) == pytest.approx(0.95, abs=1e-4)


def test_bootstrap_intervals_are_scipys():
    random = np.random.default_rng(13)
    # Ties, so that ranks within a resample matter.
    x = random.integers(0, 9, 40) / 9
    y = np.round(x + random.normal(0, 0.5, 40), 1)
    row = primary(correlation(compressed(x, y), number=20000)).iloc[0]
    for name, statistic in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
        theirs = stats.bootstrap(
            (x, y),
            lambda a, b, of=statistic: of(a, b).statistic,
            paired=True,
            n_resamples=4000,
            confidence_level=expanded(0.95, 40),
            method="BCa",
            rng=random,
        ).confidence_interval
        ours = row[[f"{name}_bootstrap_lower", f"{name}_bootstrap_upper"]].tolist()
        # Both are random; their standard error at so many resamples is below 0.006.
        assert ours == pytest.approx([theirs.low, theirs.high], abs=0.025), name


@pytest.mark.parametrize(("r", "ties"), [(0.0, False), (0.6, False), (0.6, True)])
def test_permutation_p_values_are_those_of_all_permutations(r, ties):
    random = np.random.default_rng(14)
    x = random.normal(size=7)
    y = r * x + random.normal(size=7)
    x = (x > np.sort(x)[4]) * 1.0 if ties else x
    row = primary(correlation(compressed(x, y), number=20000)).iloc[0]
    for name, statistic in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
        exact = stats.permutation_test(
            (x,),
            lambda a, of=statistic: abs(of(a, y).statistic),
            permutation_type="pairings",
            alternative="greater",
            n_resamples=np.inf,
        ).pvalue
        assert row[f"{name}_permutation_p"] == pytest.approx(exact, abs=0.015), name


def test_holm_is_that_of_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    random = np.random.default_rng(15)
    for n in (1, 2, 6, 40):
        p = random.random(n) ** 3
        assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1])
    assert holm(np.array([np.nan, 0.02, np.nan, 0.04])).tolist()[1::2] == pytest.approx([0.04, 0.04])
    assert np.isnan(holm(np.full(3, np.nan))).all()


def test_holm_corrects_over_layers():
    random = np.random.default_rng(16)
    layers = [compressed(random.random(9), random.random(9)).assign(layer=layer) for layer in (1, 2, 3)]
    layers[1]["drop"] = 0.0
    rows = primary(correlation(pd.concat(layers, ignore_index=True)))
    assert rows["n_tests"].tolist() == [2, 2, 2]
    p = rows["pearson_permutation_p"].to_numpy()
    assert rows["pearson_holm_p"].dropna().tolist() == pytest.approx(holm(p[[0, 2]]).tolist())


def test_partial_correlation_is_that_of_a_regression():
    smf = pytest.importorskip("statsmodels.formula.api")
    random = np.random.default_rng(17)
    runs = []
    for name, n in (("tanh", 9), ("relu", 12), ("elu", 7)):
        drops = random.random(n)
        table = compressed(drops, 0.3 * drops + random.random(n), run=name)
        table["train_accuracy"] = table["test_accuracy"] + 0.5 * drops + random.random(n)
        runs.append(table)
    table = pd.concat(runs, ignore_index=True)
    results = correlation(table, number=4000)
    fit = smf.ols("test_accuracy ~ Q('drop') + train_accuracy + C(run)", table).fit()
    row = primary(results, "pooled").iloc[0]
    t, freedom = fit.tvalues["Q('drop')"], fit.df_resid
    assert row["partial_r"] == pytest.approx(t / np.sqrt(t**2 + freedom))
    assert row["partial_permutation_p"] == pytest.approx(fit.pvalues["Q('drop')"], abs=0.05)
    assert row["partial_bootstrap_lower"] < row["partial_r"] < row["partial_bootstrap_upper"]
    alone = smf.ols("test_accuracy ~ Q('drop') + train_accuracy", runs[1]).fit()
    t, freedom = alone.tvalues["Q('drop')"], alone.df_resid
    row = primary(results)[lambda part: part["run"] == "relu"].iloc[0]
    assert row["partial_r"] == pytest.approx(t / np.sqrt(t**2 + freedom))


def test_seeds_that_runs_share_do_not_pose_as_more_evidence():
    # Four runs with the same values are no more than one: the permutation test knows, the t test does not.
    random = np.random.default_rng(18)
    drops, accuracies = random.random(10), random.random(10)
    table = pd.concat([compressed(drops, accuracies, run=f"run {k}") for k in range(4)], ignore_index=True)
    results = correlation(table)
    alone, pooled = primary(results).iloc[0], primary(results, "pooled").iloc[0]
    for name in ("pearson_permutation_p", "pearson_bootstrap_lower", "spearman_bootstrap_upper"):
        assert pooled[name] == pytest.approx(alone[name]), name
    assert pooled["pearson_p"] < alone["pearson_p"]


@pytest.mark.parametrize("train_accuracy", [1.0, "the same"])
def test_partial_correlation_that_is_not_estimable(train_accuracy):
    random = np.random.default_rng(19)
    table = compressed(random.random(6), random.random(6))
    table["train_accuracy"] = table["test_accuracy"] if train_accuracy == "the same" else train_accuracy
    row = primary(correlation(table)).iloc[0]
    assert row["partial_status"] == (
        "not estimable: train_accuracy determines compression or generalisation"
        if train_accuracy == "the same"
        else "not estimable: train_accuracy is equal for all seeds"
    )
    assert np.isnan(row["partial_r"])
    assert row["status"] == row["interval_status"] == "ok"


@pytest.mark.slow
def test_coverage_of_bootstrap_intervals_and_level_of_permutation_tests():
    # 500 studies of 50 seeds with a correlation of 0.5, and of 0 for the p values.
    random = np.random.default_rng(20)
    drawn = resamples(50, 1000, 0)
    chosen = np.full(50, True)
    covered, covered_ranks, rejected, rejected_partial = [], [], [], []
    # Spearman's rho of a normal pair with r = 0.5 is 6 / pi arcsin(r / 2).
    truths = (0.5, 6 / np.pi * np.arcsin(0.25))
    for _ in range(500):
        x, z, noise = random.normal(size=(3, 50))
        total = sums.within_run_sums(np.column_stack([x, 0.5 * x + np.sqrt(0.75) * noise, z]), chosen, drawn)
        for kind, truth, found in (("", truths[0], covered), ("_ranks", truths[1], covered_ranks)):
            scale = getattr(total, f"all{kind}")
            lower, upper, _ = bca_interval(
                float(sums.correlations(scale, scale)),
                sums.correlations(getattr(total, f"drawn{kind}"), scale),
                sums.correlations(getattr(total, f"left_out{kind}"), scale),
                n=50,
                confidence=0.95,
            )
            found.append(lower <= truth <= upper)
        # Both depend on z, and on each other only through it.
        null = sums.within_run_sums(np.column_stack([x + z, noise + z, z]), chosen, drawn)
        estimate = float(sums.partial_correlations(null.all, null.all))
        rejected_partial.append(permutation_p(estimate, sums.permuted_partial_correlations(null)) <= 0.05)
        null = sums.within_run_sums(np.column_stack([x, noise, z]), chosen, drawn)
        estimate = float(sums.correlations(null.all, null.all))
        rejected.append(permutation_p(estimate, sums.permuted_correlations(null)) <= 0.05)
    assert 0.92 <= np.mean(covered) <= 0.98
    assert 0.92 <= np.mean(covered_ranks) <= 0.98
    assert 0.03 <= np.mean(rejected) <= 0.075
    assert 0.03 <= np.mean(rejected_partial) <= 0.075


def test_runs_without_varying_generalisation_cannot_be_pooled():
    """The counts are there, the numbers are not."""
    rng = np.random.default_rng(3)
    found = pooled_over_runs([rng.normal(size=5), rng.normal(size=4)], [np.full(5, 0.5), np.full(4, 0.75)])
    assert found.status == "not estimable: no run has generalisation that varies over seeds"
    assert (found.n, found.n_runs, found.degrees_of_freedom) == (9, 2, 6)
    assert np.isnan([found.pearson_r, found.pearson_p, found.spearman_rho]).all()
