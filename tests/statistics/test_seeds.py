"""Variance components against statsmodels and simulations that know them; seeds needed against a search."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from infoplane.statistics.inference.resampling import expanded
from infoplane.statistics.inference.variance import components
from infoplane.statistics.tables.compression import compression
from infoplane.statistics.tables.seeds_needed import seeds_needed
from infoplane.statistics.tables.variance_components import variance_components


def layout(random, groups=8, size=10, between=1.0, within=2.0):
    return list(random.normal(0, np.sqrt(between), (groups, 1)) + random.normal(0, np.sqrt(within), (groups, size)))


@pytest.fixture(scope="module")
def measured(simulated):
    study = simulated.study(seeds=6, diverged={("relu", 2): 20, ("abs", 0): 1, ("abs", 1): 1, ("abs", 2): 1})
    return compression(study["information"], study["training"])


@pytest.fixture(scope="module")
def of_runs(simulated):
    return simulated.settings_of(simulated.study(seeds=1))


def test_components_are_those_of_restricted_maximum_likelihood():
    smf = pytest.importorskip("statsmodels.formula.api")
    groups = layout(np.random.default_rng(0))
    table = pd.DataFrame({"y": np.concatenate(groups), "group": np.repeat(np.arange(8), 10)})
    fit = smf.mixedlm("y ~ 1", table, groups=table["group"]).fit(reml=True)
    found = components(groups)
    assert found.between == pytest.approx(fit.cov_re.iloc[0, 0], rel=1e-3)
    assert found.within == pytest.approx(fit.scale, rel=1e-4)
    assert found.share == pytest.approx(found.between / (found.between + found.within))


def test_the_intervals_agree_with_the_f_test():
    # The share's interval at 90 % excludes 0 exactly where the one-sided F test at 5 % rejects.
    for seed in range(30):
        groups = layout(np.random.default_rng(seed), between=0.3)
        rejected = stats.f_oneway(*groups).pvalue < 0.05
        assert (components(groups, confidence=0.9).share_lower > 0) == rejected


@pytest.mark.parametrize("confidence", [0.95, 0.8])
@pytest.mark.parametrize("between", [0.2, 1.0, 5.0])
def test_the_limits_are_those_of_the_book(confidence, between):
    """Burdick & Graybill with quantiles of F throughout, a chi square being an F with endless second degrees."""
    groups = layout(np.random.default_rng(3), 8, 10, between)
    k, n = 8, 10
    b = n * np.var([group.mean() for group in groups], ddof=1)
    w = np.mean([np.var(group, ddof=1) for group in groups])
    tail, endless = (1 - confidence) / 2, 1e12

    def f(upper, first, second):
        return stats.f.isf(upper, first, second)

    g1, h2 = 1 - 1 / f(tail, k - 1, endless), 1 / f(1 - tail, k * (n - 1), endless) - 1
    h1, g2 = 1 / f(1 - tail, k - 1, endless) - 1, 1 - 1 / f(tail, k * (n - 1), endless)
    high, low = f(tail, k - 1, k * (n - 1)), f(1 - tail, k - 1, k * (n - 1))
    g12 = ((high - 1) ** 2 - g1**2 * high**2 - h2**2) / high
    h12 = ((1 - low) ** 2 - h1**2 * low**2 - g2**2) / low
    below = (b - w - np.sqrt(g1**2 * b**2 + h2**2 * w**2 + g12 * b * w)) / n
    above = (b - w + np.sqrt(h1**2 * b**2 + g2**2 * w**2 + h12 * b * w)) / n
    found = components(groups, confidence=confidence)
    assert found.between == pytest.approx(max(0, (b - w) / n))
    assert found.between_lower == pytest.approx(max(0, below), abs=1e-6)
    assert found.between_upper == pytest.approx(max(0, above), rel=1e-6)
    freedom = k * (n - 1)
    expected = [freedom * w / stats.chi2.isf(at, freedom) for at in (tail, 1 - tail)]
    assert [found.within_lower, found.within_upper] == pytest.approx(expected)
    ratios = [(b / w / at - 1) / n for at in (high, low)]
    assert [found.share_lower, found.share_upper] == pytest.approx([max(0, at / (1 + at)) for at in ratios])
    usual = components(groups)
    assert usual == components(groups, confidence=0.95)
    assert (usual == found) == (confidence == 0.95)


@pytest.mark.slow
@pytest.mark.parametrize(("between", "sizes"), [(1.0, [10] * 8), (0.1, [50] * 8), (4.0, [10, 9, 10, 7, 10, 10, 8, 10])])
def test_coverage_of_the_components(between, sizes):
    random = np.random.default_rng(1)
    covered = []
    for _ in range(1000):
        groups = [group[:size] for group, size in zip(layout(random, 8, max(sizes), between), sizes, strict=True)]
        found = components(groups)
        share = between / (between + 2)
        covered.append(
            (
                found.between_lower <= between <= found.between_upper,
                found.within_lower <= 2 <= found.within_upper,
                found.share_lower <= share <= found.share_upper,
            )
        )
    assert ((np.mean(covered, axis=0) >= 0.92) & (np.mean(covered, axis=0) <= 0.98)).all()


def test_the_table_of_components(measured, of_runs):
    table = variance_components(measured, of_runs)
    row = table[(table["estimator"] == "ebab") & (table["layer"] == 4) & (table["measure"] == "drop")]
    row = row[row["l2"] == 0].iloc[0]
    chosen = measured[(measured["estimator"] == "ebab") & (measured["layer"] == 4) & (measured["l2"] == 0)]
    groups = [group["drop"].dropna().to_numpy() for _, group in chosen.groupby("run", sort=False)]
    assert row[["n_runs", "n"]].tolist() == [8, 8 * 6 - 4]
    assert row["share"] == pytest.approx(components(groups).share)
    welch = pytest.importorskip("statsmodels.stats.oneway").anova_oneway(groups, use_var="unequal")
    assert row[["welch_f", "welch_p"]].tolist() == pytest.approx([welch.statistic, welch.pvalue])
    alone = table[table["l2"] > 0]
    assert set(alone["status"]) == {"not estimable: a run with a penalty is in no family of activation functions"}
    missing = table[["between", "within", "share_lower", "mean"]].isna().any(axis=1)
    assert (missing == (table["status"] != "ok")).all()
    assert (table["welch_p"].isna() == (table["welch_status"] != "ok")).all()


def test_equal_compression_has_no_components(measured, of_runs):
    table = variance_components(measured.assign(drop=0.25), of_runs)
    drop = table[(table["measure"] == "drop") & (table["l2"] == 0) & (table["runs"].str.split().str.len() > 1)]
    assert set(drop["status"]) == {"not estimable: no run varies over seeds"}
    partly = measured.assign(drop=measured["drop"].mask(measured["run"] == "elu", 0.25))
    table = variance_components(partly, of_runs)
    row = table[(table["measure"] == "drop") & (table["l2"] == 0) & (table["layer"] == 4)].iloc[0]
    assert row[["status", "welch_status"]].tolist() == ["ok", "not estimable: elu does not vary over seeds"]


def test_seeds_needed_are_the_fewest(measured):
    table = seeds_needed(measured, width=0.2, number=100)
    chosen = table[(table["status"] == "ok") & (table["sd"] > 0)].sample(30, random_state=0)
    for _, row in chosen.iterrows():
        n = int(row["seeds_needed"])
        for count, fits in ((n, True), (n - 1, False)):
            if count > 1:
                width = np.diff(stats.t.interval(0.95, count - 1, scale=row["sd"] / np.sqrt(count))).item()
                assert (width <= 0.2) == fits
    same = table[(table["seeds"] == 5) & (table["sd"] > 0)].iloc[0]
    width = np.diff(stats.t.interval(0.95, 4, scale=same["sd"] / np.sqrt(5))).item()
    assert same["width_expected"] == pytest.approx(width)


def test_observed_widths(measured):
    table = seeds_needed(measured, number=100, sizes=(3, 5, 6, 9))
    six = table[(table["seeds"] == 6) & (table["n"] == 6) & (table["status"] == "ok")]
    # All seeds: the interval itself.
    np.testing.assert_allclose(six["width_observed"], six["width_expected"])
    nine = table[(table["seeds"] == 9) & (table["status"] == "ok") & (table["n"] == 6)]
    assert set(nine["observed_status"]) == {"not estimable: 6 seeds, 9 are asked for"}
    assert (table["width_observed"].isna() == (table["observed_status"] != "ok")).all()
    assert (table["sd"].isna() == (table["status"] != "ok")).all()
    assert (table["cv_lower"].isna() == (table["cv_status"] != "ok")).all()


def test_one_seed_and_equal_compression(measured):
    one = seeds_needed(measured[measured["seed"] == 3], number=100)
    assert one["status"].str.startswith("not estimable: ").all()
    equal = seeds_needed(measured.assign(drop=0.0), number=100)
    rows = equal[(equal["measure"] == "drop") & (equal["status"] == "ok")]
    assert (rows["seeds_needed"] == 2).all()
    assert set(rows["cv_status"]) == {"not estimable: the mean is 0"}
    huge = seeds_needed(measured, width=1e-9, number=100)
    assert (huge["status"] == "not estimable: more than 1000000 seeds are needed").any()


def test_coefficient_of_variation_is_scipys(measured):
    table = seeds_needed(measured, number=5000)
    row = table[(table["run"] == "elu") & (table["layer"] == 5) & (table["measure"] == "drop")].iloc[0]
    chosen = measured[(measured["run"] == "elu") & (measured["layer"] == 5)]
    values = chosen[(chosen["estimator"] == row["estimator"])]["drop"].to_numpy()
    assert row["cv"] == pytest.approx(stats.variation(values, ddof=1))
    level = expanded(0.95, len(values))
    settings = {"rng": 0, "n_resamples": 5000, "confidence_level": level}
    theirs = stats.bootstrap((values,), lambda v, axis: stats.variation(v, ddof=1, axis=axis), **settings)
    interval = theirs.confidence_interval
    assert [row["cv_lower"], row["cv_upper"]] == pytest.approx([interval.low, interval.high], rel=0.1)
