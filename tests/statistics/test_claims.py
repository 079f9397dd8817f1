"""The claims on simulated studies in which each is true, false, or cannot be said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from infoplane.errors import InfoplaneError
from infoplane.statistics import CLAIMS, Rules, claims, compression
from infoplane.statistics.claims import as_markdown
from infoplane.statistics.resampling import holm

RULES = Rules(
    estimator="ebab",
    bound="upper",
    measure="drop",
    generalisation="test_accuracy",
    significance=0.05,
    negligible={"drop": 0.05, "balance": 0.0, "final": 0.05},
    negligible_share=0.1,
    strong_variation=0.5,
    flat=0.1,
    negligible_correlation=0.3,
)
VERDICTS = {"supported", "contradicted", "inconclusive", "not estimable"}


@pytest.fixture(scope="module")
def study(simulated):
    tables = simulated.study(simulated.runs(penalties=(0.015,)), seeds=12)
    return compression(tables["information"], tables["training"]), tables["information"]


def changed(measured, values):
    """With other drops of hidden layers: values(run, seed, layer, random) for every row; no layer is at the ceiling."""
    random = np.random.default_rng(0)
    table = measured.assign(at_ceiling=False)
    table["drop"] = [
        values(row.run, row.seed, row.layer, random) for row in table[["run", "seed", "layer"]].itertuples(index=False)
    ]
    return table


def verdicts(measured, information, rules=RULES, **settings):
    table, parts = claims(measured, information, rules, number=2000, **settings)
    return table.set_index("claim"), parts.set_index(["claim", "part"])


def test_one_row_per_claim_and_no_number_without_a_reason(study):
    table, parts = claims(*study, RULES, number=500)
    assert table["claim"].tolist() == list(CLAIMS)
    assert set(table["verdict"]) | set(parts["verdict"]) <= VERDICTS
    missing = parts[["lower", "upper", "p"]].isna().any(axis=1)
    assert (missing == (parts["verdict"] == "not estimable")).all()
    assert parts.loc[missing, "reason"].str.startswith("not estimable: ").all()
    assert parts["p_corrected"].tolist() == pytest.approx(holm(parts["p"].to_numpy()).tolist(), nan_ok=True)
    decided = parts[parts["verdict"].isin(["supported", "contradicted"]) & (parts["part"] != "hidden layers")]
    assert (decided["p_corrected"] < 0.05).all()
    again, _ = claims(*study, RULES, number=500)
    pd.testing.assert_frame_equal(table, again)


@pytest.mark.parametrize(("level", "verdict"), [(0.3, "supported"), (0.01, "contradicted"), (0.05, "inconclusive")])
def test_c1_non_saturating_functions_compress(study, level, verdict):
    measured = changed(study[0], lambda run, seed, layer, random: level + 0.01 * random.normal())
    table, parts = verdicts(measured, study[1])
    assert table.loc["C1", "verdict"] == verdict
    row = parts.loc[("C1", "non-saturating functions compress")]
    chosen = measured[(measured["estimator"] == "ebab") & (measured["layer"] < 6) & (measured["l2"] == 0)]
    by_seed = chosen[chosen["run"] != "tanh"].groupby("seed")["drop"].mean()
    interval = stats.ttest_1samp(by_seed, 0).confidence_interval(0.95)
    assert [row["estimate"], row["lower"], row["upper"]] == pytest.approx([by_seed.mean(), interval.low, interval.high])
    assert "tanh" not in row["runs"].split()


def test_c2_tanh_most_and_twins_that_differ(study):
    def drop(run, seed, layer, random):
        return {"tanh": 0.5, "softplus": 0.1}.get(run, 0.2) + 0.02 * random.normal()

    table, parts = verdicts(changed(study[0], drop), study[1])
    assert table.loc["C2", "verdict"] == "supported"
    assert parts.loc[("C2", "tanh compresses most"), "estimate"] == pytest.approx(0.3, abs=0.02)

    def other(run, seed, layer, random):
        return {"tanh": 0.1}.get(run, 0.2) + 0.02 * random.normal()

    table, parts = verdicts(changed(study[0], other), study[1])
    assert parts["verdict"]["C2"].to_dict() == {
        "activation functions differ": "supported",
        "tanh compresses most": "contradicted",
        "softplus and centered softplus differ": "contradicted",
    }
    assert table.loc["C2", "verdict"] == "contradicted"


def test_c3_variation_and_a_flat_relu(study):
    def drop(run, seed, layer, random):
        return 0.03 * (seed + 0.5) + 0.001 * random.normal()

    measured, information = changed(study[0], drop), study[1].copy()
    # Every seed falls a little, by its own share.
    information["i_tx"] = 8 - 0.0001 * (1 + information["seed"] % 5) * information["epoch"]
    table, _ = verdicts(measured, information, dataclasses.replace(RULES, strong_variation=0.3))
    assert table.loc["C3", "verdict"] == "supported"
    information["i_tx"] = (
        8 + 2 * (information["epoch"] > 100) + 0.01 * np.random.default_rng(1).random(len(information))
    )
    _, parts = verdicts(changed(study[0], lambda run, seed, layer, random: 0.3 + 0.01 * random.random()), information)
    assert parts["verdict"]["C3"].tolist() == ["contradicted", "contradicted"]
    assert parts.loc[("C3", "ReLU is flat on average"), "estimate"] == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(("sign", "verdict"), [(1, "supported"), (-1, "contradicted")])
def test_c4_l2(study, sign, verdict):
    measured = changed(
        study[0], lambda run, seed, layer, random: 0.4 + 0.2 * sign * ("l2" in run) + 0.02 * random.normal()
    )
    penalised = measured["l2"] > 0
    random = np.random.default_rng(2)
    spread = np.where(penalised, 1 - 0.5 * sign, 1.0)
    measured["i_tx_end"] = 6 + spread * measured["layer"] * 0.5 + 0.01 * random.normal(size=len(measured))
    gaps = 0.05 - 0.02 * sign * penalised + 0.001 * measured["seed"] % 3
    measured["accuracy_gap"] = gaps
    table, parts = verdicts(measured, study[1])
    assert set(parts["verdict"]["C4"]) == {verdict}
    assert table.loc["C4", "verdict"] == verdict
    assert parts.loc[("C4", "compression increases"), "estimate"] == pytest.approx(0.2 * sign, abs=0.02)


def test_c5_only_the_last_layer(study):
    accuracy = dict(enumerate(np.random.default_rng(3).random(12)))

    def last(run, seed, layer, random):
        return (accuracy[seed] if layer == 6 else random.random()) + 0.05 * random.random()

    measured = changed(study[0], last)
    measured["test_accuracy"] = measured["seed"].map(accuracy)
    _, parts = verdicts(measured, study[1])
    assert parts.loc[("C5", "last layer"), "verdict"] == "supported"
    assert parts.loc[("C5", "hidden layers"), "verdict"] != "contradicted"

    # With test loss the sign turns.
    measured["test_loss"] = -measured["test_accuracy"]
    _, parts = verdicts(measured, study[1], dataclasses.replace(RULES, generalisation="test_loss"))
    assert parts.loc[("C5", "last layer"), ["verdict", "p"]].tolist()[0] == "supported"
    assert parts.loc[("C5", "last layer"), "lower"] > 0.5

    def hidden(run, seed, layer, random):
        return (accuracy[seed] if layer == 4 else random.random()) + 0.05 * random.random()

    measured = changed(study[0], hidden).assign(test_accuracy=measured["test_accuracy"])
    table, parts = verdicts(measured, study[1])
    assert parts.loc[("C5", "hidden layers"), "verdict"] == "contradicted"
    assert table.loc["C5", "verdict"] == "contradicted"


def test_c6_against_the_fixed_range(study):
    measured = changed(study[0], lambda run, seed, layer, random: 0.3 + 0.01 * random.normal())
    fixed = measured["estimator"] == "fixed"
    measured.loc[fixed, "drop"] -= 0.1
    measured.loc[fixed, "method"] = "fixed_binning"
    measured["i_tx_maximum"] = 8.0 + 0.01 * np.random.default_rng(4).normal(size=len(measured)) - fixed
    table, parts = verdicts(measured, study[1])
    assert table.loc["C6", "verdict"] == "supported"
    assert parts["estimate"]["C6"].tolist() == pytest.approx([0.1, 1], abs=0.02)
    table, _ = verdicts(measured[~fixed], study[1])
    assert table.loc["C6", "reason"] == "not estimable: the study has no estimator with the method fixed_binning"
    table, _ = verdicts(measured, study[1], dataclasses.replace(RULES, estimator="kde"))
    assert table.loc["C6", "reason"] == "not estimable: kde is not adaptive"
    assert table.loc["C6", "bound"] == "upper"


@pytest.mark.parametrize(
    "what", ["one run", "two seeds", "one seed", "all diverged", "some diverged", "ceiling", "equal", "no L2"]
)
@pytest.mark.filterwarnings("error")
def test_studies_that_say_little(study, what):
    measured, information = study
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
    table, parts = claims(measured, information, RULES, number=200)
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


def test_an_estimator_that_is_not_in_the_tables(study):
    with pytest.raises(InfoplaneError, match=r"claims.estimator is 'ksg'; the tables have fixed, ebab, "):
        claims(*study, dataclasses.replace(RULES, estimator="ksg"))


def test_the_text_has_every_number_and_rule(study):
    table, parts = claims(*study, RULES, number=200)
    text = as_markdown(table, parts, dataclasses.asdict(RULES))
    assert text.count("\n## C") == 6
    assert text.count("\n- **") == len(parts)
    for _, part in parts[parts["verdict"] != "not estimable"].iterrows():
        assert f"{part['estimate']:.3g} [{part['lower']:.3g}, {part['upper']:.3g}]" in text
        assert part["rule"] in text
    assert "nan" not in text
