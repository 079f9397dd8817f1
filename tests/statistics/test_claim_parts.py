"""Every part of the claims computed again, from the table `compression` and the trajectories, by scipy and statsmodels.

The draws of bootstrap and permutation are those of numpy's default_rng([seed, number of seeds, number of resamples]);
what is made of them is computed here in another way.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from infoplane.claims.verdicts import claims
from infoplane.statistics.tables.compression import compression

NUMBER_OF_PARTS = 14
HIDDEN = 5
NUMBERS = ["estimate", "lower", "upper", "p"]
SATURATING = {"tanh", "sigmoid", "hard_tanh"}


@pytest.fixture(scope="module")
def rules(simulated):
    return dataclasses.replace(simulated.RULES, fixed="fixed")


@pytest.fixture(scope="module")
def study(simulated):
    """Two networks diverge, of different runs and seeds; one is dead."""
    chosen = ("tanh", "relu", "abs", "elu", "softplus", "centered_softplus")
    settings = simulated.runs(chosen, penalties=(0.015, 0.05))
    lost = {"diverged": {("relu", 1): 900, ("elu", 3): 5}, "dead": {("softplus", 7): 4}}
    return simulated.study(settings, seeds=12, estimators=("fixed", "ebab"), **lost)


@pytest.fixture(scope="module")
def of_runs(simulated, study):
    return simulated.settings_of(study)


@pytest.fixture(scope="module")
def measured(study):
    """The table, with numbers of hidden layers that do not all say the same."""
    table = compression(study["information"], study["training"])
    random, fixed = np.random.default_rng(5), table["estimator"] == "fixed"
    table["i_tx_maximum"] += random.normal(0, 0.3, len(table)) * (table["layer"] > 1)
    table["drop"] -= 0.1 * random.random(len(table)) * fixed
    table["at_ceiling"] |= fixed & (table["run"] == "abs") & (table["layer"] == 3)
    return table


@pytest.fixture(scope="module")
def layers(study):
    """Layer 5 owns the largest activity of even seeds, layer 2 that of odd ones, the output that of seed 4."""
    table = study["layers"].copy()
    owner = np.where(table["seed"] % 2 == 0, 5, 2)
    owner = np.where(table["seed"] == 4, 6, owner)
    table["activity_maximum"] = np.where(table["layer"] == owner, 20.0, 1.0)
    return table


@pytest.fixture(scope="module")
def judged(measured, study, layers, rules, of_runs):
    """The parts from the table as it is, each kind of settings once."""
    known = {}

    def of(changes=(), settings=()):
        key = (changes, settings)
        if key not in known:
            given = dataclasses.replace(rules, **dict(changes))
            known[key] = parts_of(measured, study, layers, given, of_runs, **dict(settings))
        return known[key]

    return of


def parts_of(measured, study, layers, rules, of_runs, **settings):
    _, parts = claims(measured, study["information"], layers, rules, of_runs, **{"number": 300, **settings})
    assert len(parts) == NUMBER_OF_PARTS
    return parts.set_index("part")


def usable(measured, estimator="ebab", bound=("none",)):
    rows = measured[(measured["estimator"] == estimator) & measured["bound"].isin(bound)]
    return rows[~rows["diverged"] & ~rows["dead"]]


def by_run(rows, column="drop", *, common, runs=None):
    """(seed, run): the mean over hidden layers that at least half of a run's seeds have below the ceiling."""
    rows = rows[rows["layer"] <= HIDDEN]
    rows = rows[rows["run"].isin(runs)] if runs else rows[rows["l2"] == 0]
    shares = rows.pivot_table(
        index="layer", columns="run", values="at_ceiling", aggfunc=lambda some: np.mean(list(some))
    )
    if common:
        rows = rows[rows["layer"].isin(shares.index[(shares <= 0.5).all(axis=1)])]
    else:
        rows = rows[[shares.loc[layer, run] <= 0.5 for layer, run in zip(rows["layer"], rows["run"], strict=True)]]
    found = rows.pivot_table(index="seed", columns="run", values=column).dropna()
    return found, sorted(rows["layer"].unique())


def of_t_test(values, threshold=0.0, confidence=0.95):
    test = stats.ttest_1samp(values, threshold)
    interval = test.confidence_interval(confidence)
    return [np.mean(values), interval.low, interval.high, test.pvalue]


def assert_part(row, values, threshold=0.0, confidence=0.95):
    expected = of_t_test(values, threshold, confidence)
    assert row[NUMBERS].tolist() == pytest.approx(expected, abs=1e-9), row
    assert row[["n", "threshold"]].tolist() == [len(values), threshold]
    assert row["inference"] == "Student's t over seeds"


@pytest.mark.parametrize("confidence", [0.95, 0.9])
@pytest.mark.parametrize("measure", ["drop", "final"])
def test_means_over_seeds(measured, judged, confidence, measure):
    parts = judged((("measure", measure),), (("confidence", confidence),))
    rows = usable(measured)
    scores, _ = by_run(rows, measure, common=False)
    open_ended = [run for run in scores if run not in SATURATING]
    assert len(open_ended) == 5
    own = by_run(rows, measure, common=False, runs=open_ended)[0]
    # A seed that one of the runs lacks is in none.
    assert own.index.tolist() == [seed for seed in range(12) if seed not in (1, 3, 7)]
    row = parts.loc["non-saturating functions compress"]
    assert_part(row, own.mean(axis=1), 0.05, confidence)
    assert (set(row["runs"].split()), row["layers"]) == (set(open_ended), "2 3 4 5")

    scores, kept = by_run(rows, measure, common=True)
    assert kept == [2, 3, 4, 5]
    row = parts.loc["softplus and centered softplus differ"]
    assert_part(row, scores["centered_softplus"] - scores["softplus"], 0.0, confidence)
    assert (row["runs"], row["layers"]) == ("softplus centered_softplus", "2 3 4 5")

    # Both penalties against the run without: seeds of all, the mean of both differences.
    pairs = []
    for run in ("relu-l2-0.015", "relu-l2-0.05"):
        own = by_run(rows, measure, common=True, runs=[run, "relu"])[0]
        pairs.append(own[run] - own["relu"])
    row = parts.loc["compression increases"]
    assert_part(row, pd.concat(pairs, axis=1).mean(axis=1), 0.0, confidence)
    assert (row["runs"], row["layers"]) == ("relu-l2-0.015-relu relu-l2-0.05-relu", "2 3 4 5")
    ends = rows.pivot_table(index=["seed", "layer"], columns="run", values="i_tx_end")
    spreads = ends[ends.index.get_level_values("layer") > 1].groupby("seed").std(ddof=1)
    gaps = rows.pivot_table(index="seed", columns="run", values="accuracy_gap")
    for part, values in (("layers cluster", spreads), ("overfitting falls", gaps)):
        less = pd.concat([values["relu"] - values[run] for run in ("relu-l2-0.015", "relu-l2-0.05")], axis=1)
        assert_part(parts.loc[part], less.drop(1).mean(axis=1), 0.0, confidence)
        assert parts.loc[part, "runs"] == "relu-l2-0.015-relu relu-l2-0.05-relu"
    assert parts.loc["layers cluster", "layers"] == "2 3 4 5 6"
    assert parts.loc["overfitting falls", "layers"] == ""


def test_a_penalty_is_judged_by_the_layers_that_are_below_the_ceiling_with_and_without_it(
    measured, study, layers, rules, of_runs
):
    """Layer 3 is at the ceiling with one of the penalties: that pair leaves it out in both runs."""
    changed = measured.copy()
    changed["at_ceiling"] |= (changed["run"] == "relu-l2-0.05") & (changed["layer"] == 3)
    parts = parts_of(changed, study, layers, rules, of_runs)
    pairs, kept = [], []
    for run in ("relu-l2-0.015", "relu-l2-0.05"):
        own, used = by_run(usable(changed), rules.measure, common=True, runs=[run, "relu"])
        pairs.append(own[run] - own["relu"])
        kept.append(used)
    assert kept == [[2, 3, 4, 5], [2, 4, 5]]
    row = parts.loc["compression increases"]
    assert_part(row, pd.concat(pairs, axis=1).mean(axis=1), 0.0)
    assert row["layers"] == "2 3 4 5; 2 4 5"


def test_activation_functions_differ(measured, judged):
    oneway = pytest.importorskip("statsmodels.stats.oneway")
    scores, _ = by_run(usable(measured), common=True)
    groups = [scores[run].to_numpy() for run in scores]
    k, n = len(groups), len(scores)
    f = n * np.var([group.mean() for group in groups], ddof=1) / np.mean([np.var(group, ddof=1) for group in groups])
    for confidence in (0.95, 0.9):
        row = judged((("measure", "drop"),), (("confidence", confidence),)).loc["activation functions differ"]
        limits = [f / stats.f.ppf(at, k - 1, k * (n - 1)) for at in (0.5 + confidence / 2, 0.5 - confidence / 2)]
        expected = [max(0.0, (ratio - 1) / (ratio + n - 1)) for ratio in (f, *limits)]
        assert row[["estimate", "lower", "upper"]].tolist() == pytest.approx(expected, abs=1e-9)
        assert row["p"] == pytest.approx(oneway.anova_oneway(groups, use_var="unequal").pvalue)
        assert row[["n", "threshold", "layers"]].tolist() == [n, 0.1, "2 3 4 5"]
        assert set(row["runs"].split()) == set(scores.columns)


def test_functions_that_hardly_differ_need_no_small_p_value(measured, study, layers, rules, of_runs):
    """A share that is surely negligible contradicts, but for a Welch test that sees a difference all the same."""
    random = np.random.default_rng(11)
    same = measured.assign(drop=0.3 + 0.01 * random.normal(size=len(measured)))
    for share, verdict in ((0.9, "contradicted"), (0.01, "inconclusive")):
        given = dataclasses.replace(rules, negligible_share=share, significance=0.2)
        row = parts_of(same, study, layers, given, of_runs).loc["activation functions differ"]
        assert row["p"] > 0.2
        assert row["verdict"] == verdict
    differing = same.assign(drop=same["drop"] + 0.02 * (same["run"] == "abs"))
    row = parts_of(differing, study, layers, dataclasses.replace(given, negligible_share=0.99), of_runs).loc[
        "activation functions differ"
    ]
    assert row["upper"] < 0.99
    assert row["p"] < 1e-4
    assert row["verdict"] == "supported"


def test_tanh_against_each_other_function(measured, study, layers, rules, of_runs):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    random = np.random.default_rng(7)
    level = measured["run"].map({"tanh": 0.3, "abs": 0.32, "elu": 0.305}).fillna(0.2)
    table = measured.assign(drop=level + 0.02 * random.normal(size=len(measured)))
    generous = dataclasses.replace(rules, significance=0.5)
    row = parts_of(table, study, layers, generous, of_runs).loc["tanh compresses most"]
    scores, _ = by_run(usable(table), common=True)
    others = [run for run in scores if run != "tanh"]
    results = {run: of_t_test(scores["tanh"] - scores[run]) for run in others}
    assert row[["estimate", "lower", "upper"]].tolist() == pytest.approx(results["abs"][:3], abs=1e-9)
    # One function above tanh is enough against it, so its p value is corrected over the functions.
    p = dict(zip(others, multitest.multipletests([results[run][3] for run in others], method="holm")[1], strict=True))
    assert results["abs"][3] < row["p"] == pytest.approx(p["abs"])
    assert row[["n", "threshold", "verdict"]].tolist() == [len(scores), 0.0, "contradicted"]


def test_tanh_that_is_not_surely_above_one_of_the_others(measured, study, layers, rules, of_runs):
    """The smallest difference may be clear and another not, which varies more."""
    random, of_abs = np.random.default_rng(8), measured["run"] == "abs"
    own = 0.3 - 0.1 * (measured["run"] != "tanh") - 0.06 * of_abs + of_abs * (measured["seed"] / 5.5 - 1) * 0.5
    table = measured.assign(drop=own + 0.005 * random.normal(size=len(measured)))
    scores, _ = by_run(usable(table), common=True)
    differences = {run: of_t_test(scores["tanh"] - scores[run]) for run in scores if run != "tanh"}
    smallest = min(differences, key=lambda run: differences[run][0])
    assert smallest != "abs"
    assert differences[smallest][1] > 0 > differences["abs"][1]
    row = parts_of(table, study, layers, rules, of_runs).loc["tanh compresses most"]
    assert row["estimate"] == pytest.approx(differences[smallest][0])
    assert row["verdict"] == "inconclusive"


class Bootstrap:
    """The BCa interval and its p value of a statistic(values of the seeds), of resamples drawn one by one."""

    def __init__(self, statistic, seeds, number, seed=0):
        n = self.n = len(seeds)
        drawn = np.random.default_rng([seed, n, number]).integers(0, n, (number, n))
        self.values = np.sort([statistic(seeds[rows]) for rows in drawn])
        self.estimate = statistic(seeds)
        left_out = np.array([statistic(np.delete(seeds, row, axis=0)) for row in range(n)])
        away = left_out.mean() - left_out
        self.acceleration = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
        ties = np.isclose(self.values, self.estimate, rtol=0, atol=1e-12).sum()
        self.bias = stats.norm.ppf(((self.values < self.estimate - 1e-12).sum() + ties / 2) / number)

    def interval(self, confidence):
        level = stats.t.ppf(0.5 + confidence / 2, self.n - 1) * np.sqrt(self.n / (self.n - 1))
        z = self.bias + np.array([-level, level])
        return np.quantile(self.values, stats.norm.cdf(self.bias + z / (1 - self.acceleration * z)))

    def p(self, threshold):
        """1 - the confidence of the interval that just reaches the threshold."""
        end = 0 if threshold < self.estimate else 1
        return 1 - optimize.brentq(lambda confidence: self.interval(confidence)[end] - threshold, 1e-6, 1 - 1e-6)


def number_for(n, significance):
    """So many that the smallest p value is half of the level over all parts."""
    quantile = stats.t.ppf(significance / (2 * NUMBER_OF_PARTS) / 2, n - 1) * np.sqrt(n / (n - 1))
    return int(np.ceil(1 / stats.norm.cdf(quantile)))


def mean_variation(scores):
    return (scores.std(axis=0, ddof=1) / np.abs(scores.mean(axis=0))).mean()


@pytest.mark.parametrize(("confidence", "seed"), [(0.95, 0), (0.9, 3)])
def test_variation_between_initialisations(measured, study, layers, rules, of_runs, confidence, seed):
    scores, _ = by_run(usable(measured), common=False)
    number = number_for(len(scores), 0.5)
    assert 500 < number < 2000
    again = Bootstrap(mean_variation, scores.to_numpy(), number, seed)
    threshold = float(np.quantile(again.values, 0.2))
    given = dataclasses.replace(rules, strong_variation=threshold, significance=0.5)
    settings = {"confidence": confidence, "seed": seed}
    row = parts_of(measured, study, layers, given, of_runs, **settings).loc[
        "compression varies between initialisations"
    ]
    assert row["estimate"] == pytest.approx(again.estimate)
    assert row[["lower", "upper"]].tolist() == pytest.approx(again.interval(confidence).tolist())
    assert row["p"] == pytest.approx(again.p(threshold), rel=0.06)
    assert row[["n", "layers"]].tolist() == [len(scores), "2 3 4 5"]
    assert set(row["runs"].split()) == set(scores.columns)
    # More resamples where more are asked for.
    more = parts_of(measured, study, layers, given, of_runs, number=number + 500, **settings).loc[row.name]
    again = Bootstrap(mean_variation, scores.to_numpy(), number + 500, seed)
    assert more[["lower", "upper"]].tolist() == pytest.approx(again.interval(confidence).tolist())


def test_the_mean_trajectory_of_relu(measured, study, layers, rules, of_runs):
    rows = study["information"].query("run == 'relu' and estimator == 'ebab' and seed != 1 and 1 < layer < 6")
    table = rows.pivot_table(index="seed", columns=["layer", "epoch"], values="i_tx")
    trajectories = table.to_numpy().reshape(11, 4, -1)

    def extent(chosen):
        means = chosen.mean(axis=0)
        return ((means.max(axis=1) - means.min(axis=1)) / means.max(axis=1)).mean()

    again = Bootstrap(extent, trajectories, number_for(11, 0.5))
    threshold = float(np.quantile(again.values, 0.9))
    given = dataclasses.replace(rules, flat=threshold, significance=0.5)
    row = parts_of(measured, study, layers, given, of_runs).loc["ReLU is flat on average"]
    assert row["estimate"] == pytest.approx(again.estimate)
    assert row[["lower", "upper"]].tolist() == pytest.approx(again.interval(0.95).tolist())
    assert row["p"] == pytest.approx(again.p(threshold), rel=0.06)
    assert row[["n", "runs", "layers"]].tolist() == [11, "relu", "2 3 4 5"]


def centred(rows, layer, generalisation):
    """Of each run the seeds, and both variables less their means."""
    for _, of_run in rows[rows["layer"] == layer].groupby("run", sort=False):
        x, y = of_run["drop"].to_numpy(), of_run[generalisation].to_numpy()
        if not of_run["at_ceiling"].all():
            yield of_run["seed"].to_numpy(), x - x.mean(), y - y.mean()


@pytest.mark.parametrize(
    ("generalisation", "sign", "significance", "number", "drawn"),
    [
        ("test_accuracy", 1, 0.05, 300, 10_000),
        ("test_loss", -1, 0.01, 300, 2 * 6 * NUMBER_OF_PARTS * 100),
        ("accuracy_gap", -1, 0.05, 12_000, 12_000),
    ],
)
def test_correlations_of_layers(
    measured, study, layers, rules, of_runs, generalisation, sign, significance, number, drawn
):
    random = np.random.default_rng(9)
    table = measured.copy()
    known = table[generalisation].to_numpy()
    last, third = (0.5 + slope * sign * known + 0.01 * random.normal(size=len(table)) for slope in (0.5, -0.1))
    table["drop"] = np.select([table["layer"] == 6, table["layer"] == 3], [last, third], table["drop"])
    given = dataclasses.replace(rules, generalisation=generalisation, significance=significance)
    parts = parts_of(table, study, layers, given, of_runs, number=number, seed=2)
    rows = usable(table)
    generator = np.random.default_rng([2, 12, drawn])
    generator.integers(0, 12, (drawn, 12))
    keys = generator.random((drawn, 12))
    r, p = {}, {}
    for layer in range(2, 7):
        own = list(centred(rows, layer, generalisation))
        x, y = (np.concatenate([part[at] for part in own]) for at in (1, 2))
        r[layer] = stats.pearsonr(x, y).statistic
        permuted = sum(part[2][np.argsort(keys[:, part[0]], axis=1)] @ part[1] for part in own)
        reached = np.abs(permuted / np.sqrt((x @ x) * (y @ y))) >= abs(r[layer]) - 1e-12
        p[layer] = (1 + reached.sum()) / (1 + drawn)
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    corrected = dict(zip(p, multitest.multipletests(list(p.values()), method="holm")[1], strict=True))
    row = parts.loc["last layer"]
    assert row["estimate"] == pytest.approx(sign * r[6])
    assert row["p"] == pytest.approx(corrected[6])
    assert row["lower"] < row["estimate"] < row["upper"]
    assert row[["n", "layers", "verdict"]].tolist() == [12, "6", "supported"]
    assert set(row["runs"].split()) == set(rows["run"])
    # The most significant hidden layer, or that of the largest correlation where none is.
    hidden = [layer for layer in corrected if layer < 6]
    if min(corrected[layer] for layer in hidden) < significance:
        chosen = min(hidden, key=lambda layer: (corrected[layer], -abs(r[layer])))
    else:
        chosen = max(hidden, key=lambda layer: abs(r[layer]))
    row = parts.loc["hidden layers"]
    assert (row["estimate"], row["p"]) == (pytest.approx(sign * r[chosen]), pytest.approx(corrected[chosen]))
    assert row[["n", "layers"]].tolist() == [12, "2 3 4 5"]


def test_against_the_fixed_range(measured, study, layers, rules, of_runs, judged):
    parts = judged((("measure", "drop"),), (("confidence", 0.95),))
    mine, theirs = (usable(measured, estimator).set_index(["run", "seed", "layer"]) for estimator in ("ebab", "fixed"))
    runs = [run for run in mine.index.unique("run") if run not in SATURATING and "l2" not in run]
    # Layer 1 is at the ceiling with adaptive bins only, layer 3 of abs with the fixed range only: that says something
    # of resolution, and nothing of compression.
    assert mine.query("layer == 1")["at_ceiling"].all()
    assert theirs[theirs["at_ceiling"]].index.droplevel("seed").unique().tolist() == [("abs", 3)]
    compression_of, others_of, less_of = {}, {}, {}
    for run, seed in mine.index.droplevel("layer").unique():
        if run in runs:
            owner = 6 if seed == 4 else 5 if seed % 2 == 0 else 2
            finer, less = (
                mine.loc[(run, seed)][name] - theirs.loc[(run, seed)][name] for name in ("i_tx_maximum", "drop")
            )
            others = finer.loc[[layer for layer in range(1, 6) if layer != owner]].mean()
            compression_of[seed, run] = less.loc[[layer for layer in range(2, 6) if (run, layer) != ("abs", 3)]].mean()
            others_of[seed, run], less_of[seed, run] = others, others - finer.loc[owner]
    for part, values, kept in (
        (
            "compression is under-estimated",
            compression_of,
            "; ".join(f"{run} 2 {'' if run == 'abs' else '3 '}4 5" for run in runs),
        ),
        ("the other layers are under-resolved", others_of, "1 2 3 4 5"),
        ("the layer that owns the range is less so", less_of, "1 2 3 4 5"),
    ):
        by_seed = pd.Series(values).unstack().dropna().mean(axis=1)  # noqa: PD010
        assert_part(parts.loc[part], by_seed)
        assert (set(parts.loc[part, "runs"].split()), parts.loc[part, "layers"]) == (set(runs), kept)
    # Seeds whose owner is not known say nothing of it.
    unknown = layers.assign(activity_maximum=layers["activity_maximum"].where(layers["seed"] > 1))
    parts = parts_of(measured, study, unknown, rules, of_runs)
    by_seed = pd.Series(others_of).unstack().dropna().drop(0).mean(axis=1)  # noqa: PD010
    assert_part(parts.loc["the other layers are under-resolved"], by_seed)


@pytest.mark.parametrize(
    ("difference", "width", "verdict"),
    [
        (0.2, 0.02, "supported"),
        (-0.2, 0.02, "supported"),
        (0.0, 0.02, "contradicted"),
        (0.0, 0.4, "inconclusive"),
        # An interval with 0 in it of which one end is beyond what is negligible, on either side.
        (0.03, 0.08, "inconclusive"),
        (-0.03, 0.08, "inconclusive"),
        # Clear and negligible at once: they differ.
        (0.02, 0.01, "supported"),
    ],
)
def test_two_softplus_that_differ_or_do_not(measured, study, layers, rules, of_runs, difference, width, verdict):
    """The difference of the means, and the half width of its interval, as the seeds' values are made to have them."""
    runs = ["softplus", "centered_softplus"]
    table = measured[measured["run"].isin(runs) & ~measured["seed"].isin([1, 3, 7])]
    values = np.linspace(-1, 1, 9)
    values *= width / (stats.t.ppf(0.975, 8) * stats.sem(values))
    by_seed = dict(zip(sorted(table["seed"].unique()), values, strict=True))
    random = np.random.default_rng(1)
    own = (table["run"] == "centered_softplus") * (difference + table["seed"].map(by_seed))
    noise = {seed: 0.01 * random.normal() for seed in by_seed}
    table = table.assign(drop=0.3 + table["seed"].map(noise) + own)
    given = dataclasses.replace(rules, significance=0.2)
    row = parts_of(table, study, layers, given, of_runs).loc["softplus and centered softplus differ"]
    expected = [difference, difference - width, difference + width]
    assert row[["estimate", "lower", "upper"]].tolist() == pytest.approx(expected)
    assert row["verdict"] == verdict


C1, C3 = "non-saturating functions compress", "compression varies between initialisations"
C2 = ("activation functions differ", "tanh compresses most", "softplus and centered softplus differ")
FLAT, C4 = "ReLU is flat on average", ("compression increases", "layers cluster", "overfitting falls")
C5 = ("last layer", "hidden layers")
LOST = "every hidden layer is at the ceiling, or every seed diverged or is dead"


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (
            lambda table: table[table["run"] == "tanh"],
            {
                C1: "no run without a penalty has a non-saturating activation function",
                C2[0]: "1 runs with layers below the ceiling in all of them and 12 seeds",
                FLAT: "no run without a penalty is ReLU",
                C4[0]: "no run with an L2 penalty has a run that is otherwise equal",
            },
        ),
        (
            lambda table: table.assign(at_ceiling=True),
            {C1: LOST, C3: "0 runs with layers below the ceiling and 0 seeds", FLAT: LOST},
        ),
        (
            lambda table: table.assign(at_ceiling=table["layer"] < 6),
            {
                C4[0]: "no layers are below the ceiling in both runs, or every seed diverged or is dead",
                C1: LOST,
                FLAT: LOST,
            },
        ),
        (
            lambda table: table[table["seed"].isin([0, 2])],
            {
                C1: "2 seeds in all runs, 3 are needed",
                **dict.fromkeys(C2, "6 runs with layers below the ceiling in all of them and 2 seeds"),
                C3: "6 runs with layers below the ceiling and 2 seeds",
                FLAT: "2 seeds, 3 are needed",
                **dict.fromkeys(C4, "2 seeds in all runs, 3 are needed"),
            },
        ),
        (
            lambda table: table[table["seed"].isin([0, 2, 4])],
            {
                C3: "3 seeds, 5 are needed for a bootstrap interval",
                FLAT: "3 seeds, 5 are needed for a bootstrap interval",
            },
        ),
        (
            lambda table: table[table["run"] != "softplus"],
            {C2[2]: "softplus and centered_softplus are not both among the runs"},
        ),
        (
            lambda table: table[table["run"] != "tanh"],
            {C2[1]: "no run without a penalty is tanh, or its layers are at the ceiling"},
        ),
        (
            lambda table: table.assign(drop=table["drop"] * (table["run"] != "abs")),
            {C2[0]: "a run does not vary over seeds", C3: "the mean of a run is 0"},
        ),
        (
            lambda table: table.assign(dataset=np.where(table["run"] == "abs", "other", "szt")),
            dict.fromkeys(C5, "runs of different depth or data are not pooled"),
        ),
        (
            lambda table: table[(table["run"] != "tanh") | (table["layer"] < 6)].assign(
                n_layers=lambda rows: np.where(rows["run"] == "tanh", 5, 6)
            ),
            dict.fromkeys(C5, "runs of different depth or data are not pooled"),
        ),
        (
            lambda table: table.assign(test_accuracy=0.9),
            {C5[0]: "no run has generalisation that varies over seeds"},
        ),
        (lambda table: table.assign(drop=0.25), dict.fromkeys(C5, "no run has compression that varies over seeds")),
        (lambda table: table[(table["seed"] < 2) & (table["run"] == "abs")], {C5[0]: "2 seeds in 1 runs"}),
        (
            lambda table: table[table["seed"] < 4],
            {C5[0]: "4 seeds, 5 are needed for a bootstrap interval"},
        ),
    ],
)
def test_what_cannot_be_estimated_says_why(measured, study, layers, rules, of_runs, change, reasons):
    given = dataclasses.replace(rules, significance=0.5)
    parts = parts_of(change(measured), study, layers, given, of_runs)
    for part, reason in reasons.items():
        row = parts.loc[part]
        assert row[["reason", "verdict"]].tolist() == [f"not estimable: {reason}", "not estimable"], part
        assert row[["lower", "upper", "p", "p_corrected"]].isna().all(), part
    others = parts[parts["verdict"] != "not estimable"]
    assert (others["reason"] == "").all()
    assert others[NUMBERS].notna().all(axis=None)
