"""The claims on simulated studies in which each is true, false, or cannot be said."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from infoplane.claims import CLAIMS
from infoplane.claims.paper.c6 import _against_fixed
from infoplane.claims.parts import Part, judged
from infoplane.claims.text import _ranges, as_markdown
from infoplane.claims.verdicts import claims
from infoplane.errors import InfoplaneError
from infoplane.statistics.inference.resampling import holm
from infoplane.statistics.series import OfRun, Series, mean_over_layers, owners_of
from infoplane.statistics.spread import informative
from infoplane.statistics.tables.compression import compression

VERDICTS = {"supported", "contradicted", "inconclusive", "not estimable"}


@pytest.fixture(scope="module")
def rules(simulated):
    return dataclasses.replace(simulated.RULES, fixed="fixed")


@pytest.fixture(scope="module")
def study(simulated):
    tables = simulated.study(simulated.runs(penalties=(0.015,)), seeds=12)
    return compression(tables["information"], tables["training"]), tables["information"], tables["layers"]


@pytest.fixture(scope="module")
def of_runs(simulated):
    return simulated.settings_of(simulated.study(simulated.runs(penalties=(0.015,)), seeds=1))


def changed(measured, values):
    """With other drops of hidden layers: values(run, seed, layer, random) for every row; no layer is at the ceiling."""
    random = np.random.default_rng(0)
    table = measured.assign(at_ceiling=False)
    table["drop"] = [
        values(row.run, row.seed, row.layer, random) for row in table[["run", "seed", "layer"]].itertuples(index=False)
    ]
    return table


def verdicts(measured, study, rules, of_runs, **settings):
    """The claims with the study's own trajectories and layers."""
    table, parts = claims(measured, *study[1:], rules, of_runs, number=2000, **settings)
    return table.set_index("claim"), parts.set_index(["claim", "part"])


def test_one_row_per_claim_and_no_number_without_a_reason(study, rules, of_runs):
    table, parts = claims(*study, rules, of_runs, number=500)
    assert table["claim"].tolist() == list(CLAIMS)
    assert set(table["verdict"]) | set(parts["verdict"]) <= VERDICTS
    missing = parts[["lower", "upper", "p"]].isna().any(axis=1)
    assert (missing == (parts["verdict"] == "not estimable")).all()
    assert parts.loc[missing, "reason"].str.startswith("not estimable: ").all()
    assert parts["p_corrected"].tolist() == pytest.approx(holm(parts["p"].to_numpy()).tolist(), nan_ok=True)
    decided = parts[parts["verdict"].isin(["supported", "contradicted"]) & (parts["part"] != "hidden layers")]
    assert (decided["p_corrected"] < 0.05).all()
    again, _ = claims(*study, rules, of_runs, number=500)
    pd.testing.assert_frame_equal(table, again)


@pytest.mark.parametrize(("level", "verdict"), [(0.3, "supported"), (0.01, "contradicted"), (0.05, "inconclusive")])
def test_c1_non_saturating_functions_compress(study, level, verdict, rules, of_runs):
    measured = changed(study[0], lambda run, seed, layer, random: level + 0.01 * random.normal())
    table, parts = verdicts(measured, study, rules, of_runs)
    assert table.loc["C1", "verdict"] == verdict
    row = parts.loc[("C1", "non-saturating functions compress")]
    chosen = measured[(measured["estimator"] == "ebab") & (measured["layer"] < 6) & (measured["l2"] == 0)]
    by_seed = chosen[chosen["run"] != "tanh"].groupby("seed")["drop"].mean()
    interval = stats.ttest_1samp(by_seed, 0).confidence_interval(0.95)
    assert [row["estimate"], row["lower"], row["upper"]] == pytest.approx([by_seed.mean(), interval.low, interval.high])
    assert "tanh" not in row["runs"].split()


def test_c2_tanh_most_and_twins_that_differ(study, rules, of_runs):
    def drop(run, seed, layer, random):
        return {"tanh": 0.5, "softplus": 0.1}.get(run, 0.2) + 0.02 * random.normal()

    table, parts = verdicts(changed(study[0], drop), study, rules, of_runs)
    assert table.loc["C2", "verdict"] == "supported"
    assert parts.loc[("C2", "tanh compresses most"), "estimate"] == pytest.approx(0.3, abs=0.02)

    def other(run, seed, layer, random):
        return {"tanh": 0.1}.get(run, 0.2) + 0.02 * random.normal()

    table, parts = verdicts(changed(study[0], other), study, rules, of_runs)
    assert parts["verdict"]["C2"].to_dict() == {
        "activation functions differ": "supported",
        "tanh compresses most": "contradicted",
        "softplus and centered softplus differ": "contradicted",
    }
    assert table.loc["C2", "verdict"] == "contradicted"


def test_c3_variation_and_a_flat_relu(study, rules, of_runs):
    def drop(run, seed, layer, random):
        return 0.03 * (seed + 0.5) + 0.001 * random.normal()

    measured, information, layers = changed(study[0], drop), study[1].copy(), study[2]
    # Every seed falls a little, by its own share.
    information["i_tx"] = 8 - 0.0001 * (1 + information["seed"] % 5) * information["epoch"]
    table, _ = verdicts(
        measured, (study[0], information, layers), dataclasses.replace(rules, strong_variation=0.2), of_runs
    )
    assert table.loc["C3", "verdict"] == "supported"
    information["i_tx"] = (
        8 + 2 * (information["epoch"] > 100) + 0.01 * np.random.default_rng(1).random(len(information))
    )
    measured = changed(study[0], lambda run, seed, layer, random: 0.3 + 0.01 * random.random())
    _, parts = verdicts(measured, (study[0], information, layers), rules, of_runs)
    assert parts["verdict"]["C3"].tolist() == ["contradicted", "contradicted"]
    assert parts.loc[("C3", "ReLU is flat on average"), "estimate"] == pytest.approx(0.2, abs=0.01)


def test_c2_takes_the_p_value_of_the_closest_function(study, rules, of_runs):
    def drop(run, seed, layer, random):
        return {"tanh": 0.5, "elu": 0.48}.get(run, 0.2) + 0.02 * random.normal()

    measured = changed(study[0], drop)
    _, parts = verdicts(measured, study, rules, of_runs)
    row = parts.loc[("C2", "tanh compresses most")]
    chosen = measured[(measured["estimator"] == "ebab") & (measured["layer"] < 6) & (measured["l2"] == 0)]
    scores = chosen.groupby(["seed", "run"])["drop"].mean().unstack()  # noqa: PD010
    p = {run: stats.ttest_rel(scores["tanh"], scores[run]).pvalue for run in scores if run != "tanh"}
    assert p["elu"] == max(p.values()) > 1000 * min(p.values())
    assert row["p"] == pytest.approx(p["elu"])
    assert row["estimate"] == pytest.approx((scores["tanh"] - scores["elu"]).mean())


def test_a_layer_is_informative_below_the_ceiling_for_half_of_the_seeds():
    # At the ceiling for none, half, three of four and all of the seeds.
    at_ceiling = np.array([[0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]], dtype=float)
    assert informative(at_ceiling).tolist() == [0, 1]
    values = np.array([[1.0, 2.0, 30.0, 500.0]] * 4) + np.arange(4)[:, None]
    table, layers = mean_over_layers({"a": (np.arange(4), values, at_ceiling)}, common=False)
    assert table["a"].tolist() == [1.5, 2.5, 3.5, 4.5]
    assert layers == "1 2"
    # Layers in common are those informative in both.
    other = np.zeros((4, 4))
    other[:, 0] = 1
    of_runs = {"a": (np.arange(4), values, at_ceiling), "b": (np.arange(1, 5), values, other)}
    table, layers = mean_over_layers(of_runs, common=True)
    assert layers == "2"
    assert table.index.tolist() == [1, 2, 3]
    assert table["a"].tolist() == [3, 4, 5]
    assert table["b"].tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    ("lower", "upper", "leaning"),
    [(0.3, 0.5, "supported"), (0.1, 0.5, "inconclusive"), (0.2, 0.5, "inconclusive"), (0.1, 0.15, "contradicted")],
)
def test_an_interval_supports_from_above_the_threshold_only(lower, upper, leaning):
    part = Part("C1", "part", "statistic", "rule", threshold=0.2, lower=lower, upper=upper)
    assert judged(part).leaning == leaning


def test_a_run_saturates_if_one_of_its_functions_does(study, of_runs):
    measured = study[0][(study[0]["estimator"] == "ebab") & study[0]["run"].isin(["relu", "elu"])]
    series = Series(measured, of_runs)
    series.activation = {"relu": "tanh-relu", "elu": "relu-elu"}
    assert series.saturating("relu")
    assert not series.saturating("elu")


def test_the_owner_of_the_range_by_hand():
    """Two hidden layers and the output; the first owns the range in one seed, the second in the other."""

    def of_run(largest, drop, owner):
        layers = {"i_tx_maximum": np.array(largest), "drop": np.array(drop), "at_ceiling": np.zeros((2, 3))}
        return OfRun(np.array([4, 7]), layers, {}, np.array(owner), None)

    adaptive = of_run([[9.0, 8.0, 5.0], [7.0, 6.0, 5.0]], [[0.5, 0.4, 0.3]] * 2, [1, 2])
    fixed = of_run([[8.0, 4.0, 5.0], [4.0, 5.5, 5.0]], [[0.1, 0.2, 0.3]] * 2, [1, 2])
    measured, others, less = _against_fixed(adaptive, fixed, "drop")
    assert measured[1].tolist() == [[pytest.approx(0.4), pytest.approx(0.2)]] * 2
    np.testing.assert_array_equal(others[1], [[np.nan, 4.0], [3.0, np.nan]])
    # Less the difference of the owner: 9 - 8, and 6 - 5.5.
    np.testing.assert_array_equal(less[1], [[np.nan, 3.0], [2.5, np.nan]])
    assert measured[0].tolist() == [4, 7]


def test_the_text_names_bound_and_layers(study, rules, of_runs):
    rules = dataclasses.replace(rules, estimator="kde", bound="upper")
    table, parts = claims(*study, rules, of_runs, number=200)
    assert "estimator `kde`, upper bound: noise variance 0.001." in as_markdown(
        table, parts, dataclasses.asdict(rules), study[0]
    )
    rules = dataclasses.replace(rules, estimator="ebab")
    table, parts = claims(*study, rules, of_runs, number=200)
    assert "estimator `ebab`: up to 30 bins" in as_markdown(table, parts, dataclasses.asdict(rules), study[0])
    assert _ranges("1 2 3 5 7 6") == "1-3, 5, 7, 6"


@pytest.mark.parametrize(("sign", "verdict"), [(1, "supported"), (-1, "contradicted")])
def test_c4_l2(study, sign, verdict, rules, of_runs):
    measured = changed(
        study[0], lambda run, seed, layer, random: 0.4 + 0.2 * sign * ("l2" in run) + 0.02 * random.normal()
    )
    penalised = measured["l2"] > 0
    random = np.random.default_rng(2)
    spread = np.where(penalised, 1 - 0.5 * sign, 1.0)
    measured["i_tx_end"] = 6 + spread * measured["layer"] * 0.5 + 0.01 * random.normal(size=len(measured))
    gaps = 0.05 - 0.02 * sign * penalised + 0.001 * measured["seed"] % 3
    measured["accuracy_gap"] = gaps
    table, parts = verdicts(measured, study, rules, of_runs)
    assert set(parts["verdict"]["C4"]) == {verdict}
    assert table.loc["C4", "verdict"] == verdict
    assert parts.loc[("C4", "compression increases"), "estimate"] == pytest.approx(0.2 * sign, abs=0.02)


def test_c5_only_the_last_layer(study, rules, of_runs):
    accuracy = dict(enumerate(np.random.default_rng(3).random(12)))

    def last(run, seed, layer, random):
        return (accuracy[seed] if layer == 6 else random.random()) + 0.05 * random.random()

    measured = changed(study[0], last)
    measured["test_accuracy"] = measured["seed"].map(accuracy)
    _, parts = verdicts(measured, study, rules, of_runs)
    assert parts.loc[("C5", "last layer"), "verdict"] == "supported"
    assert parts.loc[("C5", "hidden layers"), "verdict"] != "contradicted"

    # With test loss the sign turns.
    measured["test_loss"] = -measured["test_accuracy"]
    _, parts = verdicts(measured, study, dataclasses.replace(rules, generalisation="test_loss"), of_runs)
    assert parts.loc[("C5", "last layer"), ["verdict", "p"]].tolist()[0] == "supported"
    assert parts.loc[("C5", "last layer"), "lower"] > 0.5

    def hidden(run, seed, layer, random):
        return (accuracy[seed] if layer == 4 else random.random()) + 0.05 * random.random()

    measured = changed(study[0], hidden).assign(test_accuracy=measured["test_accuracy"])
    table, parts = verdicts(measured, study, rules, of_runs)
    assert parts.loc[("C5", "hidden layers"), "verdict"] == "contradicted"
    assert table.loc["C5", "verdict"] == "contradicted"

    # Intervals that all lie within what is negligible support the hidden layers, without a test.
    measured = changed(study[0], lambda run, seed, layer, random: random.random())
    measured["test_accuracy"] = measured["seed"].map(accuracy)
    for margin, verdict in ((0.9, "supported"), (0.01, "inconclusive")):
        _, parts = verdicts(measured, study, dataclasses.replace(rules, negligible_correlation=margin), of_runs)
        assert parts.loc[("C5", "hidden layers"), "verdict"] == verdict


def test_three_seeds_are_enough_and_two_are_not(study, rules, of_runs):
    measured = changed(study[0], lambda run, seed, layer, random: 0.3 + 0.1 * random.random())
    for seeds, some in ((3, True), (2, False)):
        _, parts = verdicts(measured[measured["seed"] < seeds], study, rules, of_runs)
        for part in ("activation functions differ", "tanh compresses most", "softplus and centered softplus differ"):
            assert (parts.loc[("C2", part), "verdict"] != "not estimable") == some, (seeds, part)


def test_a_rule_names_the_threshold_that_decides(study, rules, of_runs):
    given = dataclasses.replace(rules, negligible={"drop": 0.07}, strong_variation=0.6, flat=0.2)
    _, parts = verdicts(study[0], study, given, of_runs)
    named = 0
    for name, part in parts.iterrows():
        found = re.match(r"(?:more|less) than ([\d.]+) ", part["rule"])
        if found:
            named += 1
            assert float(found[1]) == part["threshold"], name
    assert named >= 9


def test_c6_all_layers_but_the_owner_against_the_fixed_range(study, rules, of_runs):
    measured = changed(study[0], lambda run, seed, layer, random: 0.3 + 0.01 * random.normal())
    fixed = (measured["estimator"] == "fixed").to_numpy()
    # The fixed range under-estimates compression by 0.1. It resolves layer 5 as well as EBAB does, and the others by
    # 2 bits less; layer 5 owns the range for even seeds, layer 2 for odd ones.
    measured.loc[fixed, "drop"] -= 0.1
    random = np.random.default_rng(4)
    coarser = 2.0 * (measured["layer"] != 5) * fixed
    measured["i_tx_maximum"] = 10.0 - coarser + 0.01 * random.normal(size=len(measured))
    layers = study[2].copy()
    owner = np.where(layers["seed"] % 2 == 0, 5, 2)
    layers["activity_maximum"] = np.where(layers["layer"] == owner, 20.0, 1.0) + layers["epoch"] / 1e4
    table, parts = verdicts(measured, (*study[:2], layers), rules, of_runs)
    of_c6 = parts.loc["C6"]
    # Even seeds: four layers by 2 bits, and so much more than the owner. Odd ones: three of four other layers by 2
    # bits, and the owner by 2.
    assert of_c6["estimate"].tolist() == pytest.approx([0.1, (2 + 1.5) / 2, (2 - 0.5) / 2], abs=0.01)
    assert of_c6["verdict"].tolist() == ["supported", "supported", "inconclusive"]
    layers["activity_maximum"] = np.where(layers["layer"] == 5, 20.0, 1.0)
    table, parts = verdicts(measured, (*study[:2], layers), rules, of_runs)
    assert table.loc["C6", "verdict"] == "supported"
    assert parts.loc["C6", "estimate"].tolist() == pytest.approx([0.1, 2, 2], abs=0.01)
    assert parts.loc["C6", "layers"].tolist() == ["1 2 3 4 5", "1 2 3 4", "1 2 3 4"]
    # Where every layer is under-resolved alike, it is not a matter of who owns the range.
    measured.loc[fixed & (measured["layer"] == 5), "i_tx_maximum"] -= 2
    _, parts = verdicts(measured, (*study[:2], layers), rules, of_runs)
    assert parts.loc["C6", "verdict"].tolist()[1:] == ["supported", "inconclusive"]
    # A layer that is at the ceiling under both says nothing of resolution.
    measured["at_ceiling"] = measured["layer"] == 1
    _, parts = verdicts(measured, (*study[:2], layers), rules, of_runs)
    assert parts.loc["C6", "layers"].tolist() == ["2 3 4 5", "2 3 4", "2 3 4"]
    table, _ = verdicts(measured, study, dataclasses.replace(rules, fixed=None), of_runs)
    reason = "not estimable: the study has no fixed_binning with one range for all layers and as many bins"
    assert table.loc["C6", "reason"] == reason
    table, _ = verdicts(measured, study, dataclasses.replace(rules, estimator="kde"), of_runs)
    assert table.loc["C6", "reason"] == "not estimable: kde is not adaptive"
    assert table.loc["C6", "bound"] == "upper"


def test_the_owner_is_the_layer_of_the_largest_activity():
    layers = pd.DataFrame(
        [
            *[("a", 0, 0, 1, 3.0), ("a", 0, 5, 1, 4.0), ("a", 0, 0, 2, 3.5), ("a", 0, 5, 2, np.nan)],
            *[("a", 1, 0, 1, -1.0), ("a", 1, 0, 2, 0.0), ("b", 0, 0, 1, np.nan)],
        ],
        columns=["run", "seed", "epoch", "layer", "activity_maximum"],
    )
    assert owners_of(layers) == {("a", 0): 1, ("a", 1): 2}


@pytest.mark.parametrize(
    "what", ["one run", "two seeds", "one seed", "all diverged", "some diverged", "ceiling", "equal", "no L2"]
)
@pytest.mark.filterwarnings("error")
def test_studies_that_say_little(study, what, rules, of_runs):
    measured, information, layers = study
    keep = {
        "one run": measured["run"] == "tanh",
        "two seeds": measured["seed"] < 2,
        "one seed": measured["seed"] < 1,
        "no L2": measured["l2"] == 0,
    }.get(what, measured["seed"] >= 0)
    measured = measured[keep].copy()
    if what == "all diverged":
        measured["diverged"] = True
    if what == "some diverged":
        measured["diverged"] = (measured["run"].isin(["relu", "elu"])) & (measured["seed"] % 3 == 0)
        measured.loc[measured["diverged"], ["drop", "balance", "final"]] = np.nan
    if what == "ceiling":
        measured["at_ceiling"] = measured["layer"] < 6
    if what == "equal":
        measured[["drop", "i_tx_end", "i_tx_maximum", "accuracy_gap"]] = 0.25
    table, parts = claims(measured, information, layers, rules, of_runs, number=200)
    assert table["claim"].tolist() == list(CLAIMS)
    without = parts["verdict"] == "not estimable"
    assert parts.loc[without, "reason"].str.startswith("not estimable: ").all()
    assert parts.loc[~without, ["estimate", "lower", "upper", "p"]].notna().all(axis=None)
    if what in ("two seeds", "one seed", "all diverged"):
        assert without.all()
        assert set(table["verdict"]) == {"not estimable"}
    if what == "no L2":
        assert table.set_index("claim").loc["C4", "reason"] == (
            "not estimable: no run with an L2 penalty has a run that is otherwise equal"
        )


def test_an_estimator_that_is_not_in_the_tables(study, rules, of_runs):
    with pytest.raises(InfoplaneError, match=r"claims.estimator is 'ksg'; the tables have fixed, ebab, "):
        claims(*study, dataclasses.replace(rules, estimator="ksg"), of_runs)


def test_the_text_has_every_number_and_rule(study, rules, of_runs):
    table, parts = claims(*study, rules, of_runs, number=200)
    text = as_markdown(table, parts, dataclasses.asdict(rules), study[0])
    assert text.count("\n## C") == 6
    assert text.count("\n- ") == len(parts) == 14
    for _, part in parts[parts["verdict"] != "not estimable"].iterrows():
        assert f"{part['estimate']:.3g} [{part['lower']:.3g}, {part['upper']:.3g}]" in text
        assert part["rule"] in text
        assert part["inference"] in text
    assert "nan" not in text
    assert "9 runs of 12 seeds and 1000 epochs on szt" in text
