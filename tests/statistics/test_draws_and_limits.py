"""What resampling makes of its draws, and where the statistics begin to be estimable: one seed fewer is too few.

The draws are those of numpy's default_rng([seed, number of seeds, number of resamples]): first which seeds each
resample takes, then the numbers whose order is a permutation, or whose half is a sign.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from infoplane.errors import InfoplaneError
from infoplane.statistics.inference.resampling import bca_interval, permutation_p
from infoplane.statistics.series import Series
from infoplane.statistics.tables.compression import compression
from infoplane.statistics.tables.correlation import correlation
from infoplane.statistics.tables.effects import effects
from infoplane.statistics.tables.phases import phases
from infoplane.statistics.tables.seeds_needed import seeds_needed
from infoplane.statistics.tables.variance_components import variance_components

RUNS = ("tanh", "relu")


@pytest.fixture(scope="module")
def study(simulated):
    settings = simulated.runs(RUNS, (0.015, 0.05))
    diverged = {("relu", 2): 20, ("relu-l2-0.05", 5): 20}
    return simulated.study(settings, seeds=9, layers=3, estimators=("ebab", "kde"), diverged=diverged)


@pytest.fixture(scope="module")
def measured(study):
    """Of which layer 2 is at the ceiling for some of the seeds."""
    table = compression(study["information"], study["training"])
    some = (table["layer"] == 2) & (table["seed"] < 3) & (table["run"] != "relu") & ~table["diverged"]
    table["at_ceiling"] |= some
    return table


@pytest.fixture(scope="module")
def of_runs(simulated, study):
    return simulated.settings_of(study)


def draws(seed, n, number):
    """Seeds of each resample (number, n), and the uniform numbers."""
    random = np.random.default_rng([seed, n, number])
    return random.integers(0, n, (number, n)), random.random((number, n))


def chosen(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def values_of(measured, run, column="drop", layer=3, **values):
    rows = chosen(measured, run=run, layer=layer, **{"estimator": "ebab", **values})
    return rows[~rows["diverged"]].set_index("seed")[column]


# --- Effects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "seed", "confidence"), [(400, 0, 0.95), (333, 4, 0.8)])
def test_every_number_of_an_effect(measured, of_runs, number, seed, confidence):
    table = effects(measured, of_runs, number=number, seed=seed, confidence=confidence)
    for column, layer in (("drop", 3), ("i_tx_end", 2), ("final", 3), ("test_accuracy", 0), ("test_loss", 0)):
        row = chosen(table, run="relu-l2-0.05", measure=column, layer=layer)
        row = (row if layer == 0 else chosen(row, estimator="ebab")).iloc[0]
        a, b = (values_of(measured, run, column, layer or 3) for run in ("relu-l2-0.05", "relu"))
        both = a.index.intersection(b.index)
        assert both.tolist() == [0, 1, 3, 4, 6, 7, 8]
        a, b = a[both].to_numpy(), b[both].to_numpy()
        test = stats.ttest_rel(a, b).confidence_interval(confidence)
        assert row[["mean", "mean_baseline"]].tolist() == pytest.approx([a.mean(), b.mean()])
        assert row[["difference_lower", "difference_upper"]].tolist() == pytest.approx([test.low, test.high])
        signs = np.where(draws(seed, 7, number)[1] < 0.5, 1, -1)
        reached = np.abs((signs * (a - b)).mean(axis=1)) >= abs((a - b).mean()) - 1e-12
        assert row["permutation_p"] == pytest.approx((1 + reached.sum()) / (1 + number))
        assert row[["n", "baseline"]].tolist() == [7, "relu"]
        if layer:
            of_both = [values_of(measured, run, "at_ceiling", layer)[both].sum() for run in ("relu-l2-0.05", "relu")]
            assert row[["n_at_ceiling", "n_at_ceiling_baseline"]].tolist() == of_both
            assert (of_both[0] > of_both[1]) == (layer == 2)


def test_cliffs_delta_has_newcombes_interval(measured, of_runs):
    table = effects(measured, of_runs, number=50, confidence=0.9)
    rows = chosen(table, status="ok", estimator="ebab")
    assert len(rows) > 10
    inner = 0
    for _, row in rows.iterrows():
        if row["measure"] == "spread":
            continue
        a, b = (values_of(measured, run, row["measure"], row["layer"]) for run in (row["run"], "relu"))
        pairs = pd.concat([a, b], axis=1).dropna().to_numpy()
        n = len(pairs)
        theta = stats.mannwhitneyu(pairs[:, 0], pairs[:, 1]).statistic / n**2

        def excess(t, theta=theta, n=n):
            # Hanley & McNeil's variance at t, with the mean of both numbers of seeds less one for each.
            q = (n - 1) * ((1 - t) / (2 - t) + t / (1 + t))
            return abs(theta - t) - stats.norm.ppf(0.95) * np.sqrt(t * (1 - t) * (1 + q)) / n

        limits = row[["cliffs_delta_lower", "cliffs_delta_upper"]].to_numpy(float) / 2 + 0.5
        assert row["cliffs_delta"] == pytest.approx(2 * theta - 1)
        if 0 < theta < 1:
            inner += 1
            for limit, other in zip(limits, (1e-9, 1 - 1e-9), strict=True):
                assert limit == pytest.approx(optimize.brentq(excess, other, theta), abs=1e-6)
        else:
            assert theta in limits
            other = limits[limits != theta].item()
            assert excess(other) == pytest.approx(0, abs=1e-6)
    assert inner > 5


def test_a_run_without_a_baseline_has_one_row_of_no_numbers(measured, of_runs):
    other = {**of_runs, "relu": dataclasses.replace(of_runs["relu"], learning_rate=0.5)}
    gone = measured.assign(diverged=measured["diverged"] | (measured["run"] == "relu"))
    for table in (effects(measured, other), effects(gone, of_runs)):
        assert table[["run", "layer", "measure", "n"]].to_numpy().tolist() == [
            ["relu-l2-0.015", 0, "drop", 0],
            ["relu-l2-0.05", 0, "drop", 0],
        ]
        numbers = ["mean", "difference", "permutation_p", "holm_p", "cliffs_delta", "n_at_ceiling", "layers"]
        assert table[numbers].isna().all(axis=None)


def test_an_effect_takes_three_seeds(measured, of_runs):
    for seeds, ok in (([0, 1, 3], True), ([0, 1], False)):
        table = effects(measured[measured["seed"].isin(seeds)], of_runs, number=50)
        rows = chosen(table, measure="drop", layer=3)
        assert set(rows["n"]) == {len(seeds)}
        assert ((rows["status"] == "ok") == ok).all()
        assert (rows["difference"].notna() == ok).all()


def test_two_layers_below_the_ceiling_have_a_spread_and_one_has_none(measured, of_runs):
    for ceiling, layers in ((1, "2 3"), (2, "3")):
        table = measured.assign(at_ceiling=measured["layer"] <= ceiling)
        row = chosen(effects(table, of_runs, number=50), run="relu-l2-0.015", estimator="ebab", measure="spread").iloc[
            0
        ]
        assert row["layers"] == layers
        assert (row["status"] == "ok") == (ceiling == 1)
        ends = [
            pd.concat([values_of(measured, run, "i_tx_end", layer) for layer in (2, 3)], axis=1).std(axis=1, ddof=1)
            for run in ("relu-l2-0.015", "relu")
        ]
        if ceiling == 1:
            assert row["difference"] == pytest.approx((ends[0] - ends[1]).mean())
            assert row["n"] == 8


# --- Seeds -----------------------------------------------------------------------------------------------------------


def bca(statistic, values, seed, number, confidence):
    """Each resample on its own."""
    n = len(values)
    found = np.array([statistic(values[rows]) for rows in draws(seed, n, number)[0]])
    jackknife = np.array([statistic(np.delete(values, row)) for row in range(n)])
    away = jackknife.mean() - jackknife
    acceleration = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    estimate = statistic(values)
    ties = np.isclose(found, estimate, rtol=0, atol=1e-9 * np.ptp(found))
    bias = stats.norm.ppf(((found < estimate) & ~ties).mean() + ties.mean() / 2)
    level = stats.t.ppf(0.5 + confidence / 2, n - 1) * np.sqrt(n / (n - 1))
    z = bias + np.array([-level, level])
    return np.quantile(found, stats.norm.cdf(bias + z / (1 - acceleration * z)))


@pytest.mark.parametrize(("number", "seed", "confidence"), [(700, 0, 0.95), (450, 2, 0.8)])
def test_spread_over_seeds_and_the_widths_of_intervals(measured, number, seed, confidence):
    sizes = (2, 4, 8, 9, 12)
    table = seeds_needed(measured, width=0.05, number=number, seed=seed, confidence=confidence, sizes=sizes)
    for column in ("drop", "final"):
        rows = chosen(table, run="relu", layer=3, estimator="ebab", measure=column)
        values = values_of(measured, "relu", column).to_numpy()
        n, sd = len(values), values.std(ddof=1)
        assert n == 8
        assert rows["seeds"].tolist() == list(sizes)
        expected = [n, values.mean(), sd, sd / abs(values.mean()), 0.05]
        for _, row in rows.iterrows():
            assert row[["n", "mean", "sd", "cv", "target_width"]].tolist() == pytest.approx(expected)
        limits = bca(lambda part: part.std(ddof=1) / abs(part.mean()), values, seed, number, confidence)
        assert rows[["cv_lower", "cv_upper"]].iloc[0].tolist() == pytest.approx(limits.tolist())
        order = np.argsort(draws(seed, n, number)[1][:500], axis=1)
        for size, row in zip(sizes, rows.itertuples(), strict=True):
            factor = 2 * stats.t.ppf(0.5 + confidence / 2, size - 1) / np.sqrt(size)
            assert row.width_expected == pytest.approx(factor * sd)
            if size <= n:
                spreads = [values[taken[:size]].std(ddof=1) for taken in order]
                assert row.width_observed == pytest.approx(factor * np.mean(spreads))
            assert row.observed_status == ("ok" if size <= n else f"not estimable: 8 seeds, {size} are asked for")


def test_equal_seeds_need_no_more_than_two(measured):
    """Their interval has no width, so that it is narrow enough whatever is asked for."""
    table = seeds_needed(measured.assign(drop=0.25), width=0.0, number=50)
    rows = chosen(table, measure="drop", status="ok")
    assert len(rows) > 0
    assert set(rows["seeds_needed"]) == {2}
    assert set(rows["width_expected"]) == {0.0}


def test_two_seeds_have_a_spread_and_one_has_none(measured):
    for count in (2, 1):
        kept = measured[measured["seed"].isin([0, 1][:count]) & (measured["layer"] == 3)]
        table = seeds_needed(kept, number=50)
        assert set(table["n"]) == {count}
        assert ((table["status"] == "ok") == (count == 2)).all()
        if count == 1:
            assert set(table["status"]) == {"not estimable: 1 of 1 seeds, 2 are needed"}


@pytest.mark.parametrize(("seeds", "runs", "n_runs"), [([0, 1], RUNS, 2), ([0], RUNS, 0), ([0, 1], ("relu",), 1)])
def test_components_take_two_runs_of_two_seeds(measured, of_runs, seeds, runs, n_runs):
    kept = measured[measured["seed"].isin(seeds) & measured["run"].isin(runs)]
    table = chosen(variance_components(kept, of_runs), layer=3, measure="drop", estimator="ebab")
    row = table.iloc[0]
    assert row[["n_runs", "n"]].tolist() == [n_runs, n_runs * len(seeds)]
    assert (row["status"] == "ok") == (n_runs == 2)
    if n_runs == 2:
        groups = [values_of(kept, run).to_numpy() for run in runs]
        within = np.mean([np.var(group, ddof=1) for group in groups])
        between = np.var([group.mean() for group in groups], ddof=1) - within / 2
        assert row[["within", "between"]].tolist() == pytest.approx([within, max(0, between)])
        assert row["mean"] == pytest.approx(np.mean(groups))


@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_components_of_unequal_groups(measured, of_runs, confidence):
    """Nine seeds of tanh and eight of relu: n0 = (N - sum of n^2 / N) / (k - 1) stands for their number."""
    table = variance_components(measured, of_runs, confidence=confidence)
    row = chosen(table, layer=3, measure="drop", estimator="ebab").iloc[0]
    groups = [values_of(measured, run).to_numpy() for run in RUNS]
    sizes, total = [9, 8], 17
    assert [len(group) for group in groups] == sizes
    size = total - (81 + 64) / total
    within = sum(((group - group.mean()) ** 2).sum() for group in groups) / 15
    every = np.concatenate(groups)
    square = sum(n * (group.mean() - every.mean()) ** 2 for n, group in zip(sizes, groups, strict=True))
    tail = (1 - confidence) / 2
    limits = [15 * within / stats.chi2.isf(at, 15) for at in (tail, 1 - tail)]
    ratios = [square / within / at for at in (1, stats.f.isf(tail, 1, 15), stats.f.isf(1 - tail, 1, 15))]
    shares = [max(0.0, (ratio - 1) / (ratio + size - 1)) for ratio in ratios]
    assert row[["within", "within_lower", "within_upper"]].tolist() == pytest.approx([within, *limits])
    assert row["between"] == pytest.approx(max(0, (square - within) / size))
    assert row[["share", "share_lower", "share_upper"]].tolist() == pytest.approx(shares)
    welch = stats.ttest_ind(*groups, equal_var=False)
    assert row[["welch_f", "welch_p"]].tolist() == pytest.approx([welch.statistic**2, welch.pvalue])


# --- Resampling ------------------------------------------------------------------------------------------------------


def test_a_permutation_that_reaches_the_observed_value_counts():
    permuted = np.array([0.1, -0.5, 0.5, 0.49, -0.7])
    assert permutation_p(0.5, permuted) == permutation_p(-0.5, permuted) == (1 + 3) / (1 + 5)
    # But for a rounding error.
    assert permutation_p(0.5 + 1e-13, permuted) == 4 / 6
    assert permutation_p(0.5 + 1e-9, permuted) == 2 / 6
    assert permutation_p(0.8, permuted) == 1 / 6


def test_a_bootstrap_interval_takes_five_seeds():
    values = np.random.default_rng(0).normal(size=200)
    for n in (4, 5):
        *_, status = bca_interval(0.0, values, np.arange(n) - (n - 1) / 2, n=n, confidence=0.9)
        assert (status == "ok") == (n == 5), status
    for n in (4, 5):
        rows = np.random.default_rng(1).random((n, 12)).cumsum(axis=1)
        keys = {"run": "a", "seed": np.repeat(np.arange(n), 12), "epoch": np.tile(np.arange(12), n), "layer": 1}
        described = {"estimator": "ebab", "bound": "none", "n_layers": 2, "method": "ebab", "assumption": "", "h_x": 99}
        information = pd.DataFrame({**keys, **described, "h_y": 1.0, "i_tx": rows.ravel(), "varying_units": 3.0})
        training = pd.DataFrame({"run": "a", "seed": np.arange(n), "diverged_epoch": -1})
        row = phases(information, training, number=200).iloc[0]
        assert (row["interval_status"] == "ok") == (n == 5)
        assert np.isfinite(row["rise_lower"]) == (n == 5)


@pytest.mark.parametrize("lacking", [-1.0, 1.0])
def test_an_estimate_outside_of_all_resamples_has_no_interval(lacking):
    values = np.linspace(0, 1, 101) * lacking
    *limits, status = bca_interval(2 * lacking, values, np.linspace(-1, 1, 9), n=9, confidence=0.9)
    assert np.isnan(limits).all()
    assert status == "not estimable: the estimate lies outside of all resamples"


def test_phases_have_the_interval_of_their_mean_trajectories():
    random = np.random.default_rng(2)
    n, epochs = 7, np.array([0, 1, 3, 9, 20, 50, 120, 300, 700, 1000])
    values = 6 + random.normal(size=(n, 10)).cumsum(axis=1)
    keys = {"run": "a", "seed": np.repeat(np.arange(n), 10), "epoch": np.tile(epochs, n), "layer": 1}
    described = {"estimator": "ebab", "bound": "none", "n_layers": 2, "method": "ebab", "assumption": "", "h_x": 99}
    information = pd.DataFrame({**keys, **described, "h_y": 1.0, "i_tx": values.ravel(), "varying_units": 3.0})
    training = pd.DataFrame({"run": "a", "seed": np.arange(n), "diverged_epoch": -1})
    for number, seed, confidence, end_share in ((600, 0, 0.95, 0.1), (500, 3, 0.8, 0.3)):
        settings = {"number": number, "seed": seed, "confidence": confidence, "end_share": end_share}
        row = phases(information, training, **settings).iloc[0]
        last = round(end_share * 10)

        def quantities(rows, last=last):
            mean = values[rows].mean(axis=0)
            fall = max(0.0, mean.max() - mean[-last:].mean())
            return mean.argmax(), mean.max() - mean[0], fall, (mean.max() - mean.min()) / mean.max()

        found = quantities(np.arange(n))
        assert row["epoch_of_maximum"] == epochs[found[0]]
        assert row[["rise", "fall", "extent"]].tolist() == pytest.approx(found[1:])
        drawn = draws(seed, n, number)[0]
        places = np.sort([epochs[quantities(rows)[0]] for rows in drawn])
        tail = (1 - confidence) / 2
        limits = [places[int(np.ceil(number * at)) - 1] for at in (tail, 1 - tail)]
        assert row[["epoch_of_maximum_lower", "epoch_of_maximum_upper"]].tolist() == limits
        for at, name in enumerate(("rise", "fall", "extent"), start=1):
            limits = bca(lambda rows, at=at: quantities(rows)[at], np.arange(n), seed, number, confidence)
            assert row[[f"{name}_lower", f"{name}_upper"]].tolist() == pytest.approx(limits.tolist()), name


# --- Correlation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "seed", "confidence"), [(500, 0, 0.95), (400, 3, 0.8)])
def test_correlations_resampled_one_by_one(measured, number, seed, confidence):
    kept = chosen(measured, estimator="ebab", layer=3)
    kept = kept[kept["run"].isin(RUNS)]
    given = {"number": number, "seed": seed, "confidence": confidence}
    table = correlation(kept, measures=("drop",), generalisations=("test_accuracy",), **given)
    of_tanh = chosen(kept, run="tanh").sort_values("seed")
    row = chosen(table, run="tanh").iloc[0]
    pairs = of_tanh[["drop", "test_accuracy", "train_accuracy"]].to_numpy()
    keys = draws(seed, 9, number)[1]
    order = np.argsort(keys, axis=1)

    def partial(rows):
        x, y, z = pairs[rows].T
        residuals = [np.polynomial.Polynomial.fit(z, part, 1)(z) for part in (x, y)]
        return stats.pearsonr(x - residuals[0], y - residuals[1]).statistic

    statistics = {
        "pearson": lambda rows: stats.pearsonr(*pairs[rows, :2].T).statistic,
        "spearman": lambda rows: stats.spearmanr(*pairs[rows, :2].T).statistic,
        "partial": partial,
    }
    for name, statistic in statistics.items():
        estimate = statistic(np.arange(9))
        assert row[{"pearson": "pearson_r", "spearman": "spearman_rho"}.get(name, "partial_r")] == pytest.approx(
            estimate
        )
        limits = bca(statistic, np.arange(9), seed, number, confidence)
        found = row[[f"{name}_bootstrap_lower", f"{name}_bootstrap_upper"]].tolist()
        assert found == pytest.approx(limits.tolist(), abs=1e-6), name
        if name != "partial":
            other = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}[name]
            permuted = [other(pairs[:, 0], pairs[rows, 1]).statistic for rows in order]
        else:
            # Freedman & Lane: the residuals of y are permuted, and the correlation given z taken anew.
            x, y, z = pairs.T
            of_y = y - np.polynomial.Polynomial.fit(z, y, 1)(z)
            left = x - np.polynomial.Polynomial.fit(z, x, 1)(z)
            permuted = []
            for rows in order:
                other = of_y[rows] - np.polynomial.Polynomial.fit(z, of_y[rows], 1)(z)
                permuted.append(stats.pearsonr(left, other).statistic)
        p = (1 + (np.abs(permuted) >= abs(estimate) - 1e-12).sum()) / (1 + number)
        assert row[f"{name}_permutation_p"] == pytest.approx(p), name
    # Both runs take the same seeds; relu lacks one, and its permutation is the order of the others.
    runs = [
        rows[~rows["diverged"]].set_index("seed")[["drop", "test_accuracy"]]
        for rows in (chosen(kept, run=run) for run in RUNS)
    ]
    centred = [rows - rows.mean() for rows in runs]
    x, y = (np.concatenate([part[name] for part in centred]) for name in ("drop", "test_accuracy"))
    permuted = sum(
        part["test_accuracy"].to_numpy()[np.argsort(keys[:, part.index], axis=1)] @ part["drop"].to_numpy()
        for part in centred
    )
    row = chosen(table, scope="pooled").iloc[0]
    assert row[["n", "n_runs", "degrees_of_freedom"]].tolist() == [17, 2, 14]
    assert row["pearson_r"] == pytest.approx(x @ y / np.sqrt((x @ x) * (y @ y)))
    p = (1 + (np.abs(permuted) >= abs(x @ y) - 1e-12).sum()) / (1 + number)
    assert row["pearson_permutation_p"] == pytest.approx(p)


def test_a_seed_without_one_of_its_layers_is_refused(measured, of_runs):
    rows = chosen(measured, estimator="ebab")
    for lacking in ((rows["seed"] == 1) & (rows["layer"] == 3), (rows["layer"] == 3) & (rows["seed"] > 5)):
        with pytest.raises(InfoplaneError, match=r"^The table compression lacks a layer of a seed of the run 'tanh'"):
            Series(rows[~lacking], of_runs)
    # As many rows as three whole seeds have.
    mixed = (rows["seed"] == 1) & (rows["layer"] == 3) | (rows["seed"] == 2) & (rows["layer"] > 1)
    with pytest.raises(InfoplaneError, match="lacks a layer"):
        Series(rows[~mixed], of_runs)


def test_a_partial_correlation_takes_one_seed_more_than_a_correlation(measured):
    for seeds, ok in ((3, False), (4, True)):
        kept = measured[(measured["run"] == "tanh") & (measured["seed"] < seeds) & (measured["layer"] == 3)]
        row = correlation(kept, measures=("drop",), generalisations=("test_accuracy",), number=50).iloc[0]
        assert row["status"] == "ok"
        reason = "not estimable: 3 seeds are too few for a partial correlation"
        assert row["partial_status"] == ("ok" if ok else reason)
        assert np.isfinite(row["partial_r"]) == ok


@pytest.mark.parametrize(
    ("change", "n"),
    [
        (lambda table: table[table["seed"] < 2], 2),
        (lambda table: table[table["seed"] < 1], 1),
        (lambda table: table.assign(at_ceiling=True), 9),
        (lambda table: table.assign(drop=0.25), 9),
        (lambda table: table.assign(test_accuracy=0.75), 9),
        (lambda table: table.assign(drop=table["drop"].where(table["seed"] > 7)), 1),
        (lambda table: table.assign(diverged=True), 0),
    ],
)
def test_what_is_counted_where_there_is_no_correlation(measured, change, n):
    kept = measured[(measured["run"] == "tanh") & (measured["layer"] == 3) & (measured["estimator"] == "ebab")]
    kept = change(kept)
    row = correlation(kept, measures=("drop",), generalisations=("test_accuracy",), number=50).iloc[0]
    assert row["status"].startswith("not estimable: ")
    assert row[["n_seeds", "n", "n_runs", "degrees_of_freedom"]].tolist() == [len(kept), n, 1, max(n - 2, 0)]
    statuses = row[["interval_status", "partial_status", "partial_interval_status"]]
    assert set(statuses) == {row["status"]}
    assert row["n_tests"] == 0
