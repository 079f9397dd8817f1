"""The settings of the analysis on small studies: where training is taken to stop, bounds, defaults, and counting."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pandas as pd
import pytest

from infoplane.claims.sensitivity import WHOLE, sensitivity_summary, settings_of_estimator, stopped
from infoplane.statistics.series import owners_of
from infoplane.statistics.tables.compression import compression

EPOCHS = np.array([0, 1, 3, 10, 30, 100, 300, 1000])


@pytest.fixture(scope="module")
def rules(simulated):
    # Large, so that few resamples do.
    return dataclasses.replace(simulated.RULES, significance=0.5)


@pytest.fixture(scope="module")
def study(simulated):
    """One network diverges at an epoch that training may stop at, one between two, one dies."""
    settings = simulated.runs(("tanh", "relu"), (0.015,))
    lost = {"diverged": {("tanh", 1): 300, ("relu", 2): 250}, "dead": {("relu", 4): 2}}
    return simulated.study(settings, seeds=6, layers=3, estimators=("ebab", "kde", "fixed"), epochs=EPOCHS, **lost)


def by_run(study, estimator):
    rows = study["information"][study["information"]["estimator"] == estimator]
    return [of_run for _, of_run in rows.groupby("run", sort=False)]


def settings_table(simulated, study, rules, estimator="ebab", fixed=None, shares=(1.0,), **settings):
    own, other = (
        stopped(by_run(study, name), study["training"], shares) if name else None for name in (estimator, fixed)
    )
    given = {"bounds": ("upper", "lower"), "measures": ("drop",), "number": 100, **settings}
    known = simulated.settings_of(study)
    return settings_of_estimator(own, other, owners_of(study["layers"]), rules, known, shares=shares, **given)


def test_what_happens_at_the_stopping_epoch_has_happened(study):
    found = stopped(by_run(study, "ebab"), study["training"], (0.1, 0.3, 1.0))
    lost = [
        {(row.run, row.seed): row.diverged_epoch for row in stop.compression[stop.compression["diverged"]].itertuples()}
        for stop in found
    ]
    assert lost == [{}, *[{("tanh", 1): 300, ("relu", 2): 250}] * 2]
    assert [stop.compression["stopping_epoch"].unique().tolist() for stop in found] == [[100], [300], [1000]]
    # The diverged epoch itself has no information; the last before it is the end where training stops there.
    kept = found[0].compression.query("run == 'tanh' and seed == 1")
    assert (kept["end_from_epoch"] == 100).all()
    assert kept["drop"].notna().all()
    for share, stop in zip((0.1, 0.3, 1.0), found, strict=True):
        last = share * 1000
        information, training = (study[name][study[name]["epoch"] <= last] for name in ("information", "training"))
        since = training["diverged_epoch"]
        training = training.assign(diverged_epoch=since.where((since >= 0) & (since <= last), -1))
        expected = compression(information[information["estimator"] == "ebab"], training)
        names = ["run", "seed", "layer", "drop", "balance", "final", "test_accuracy", "diverged_epoch", "dead"]
        pd.testing.assert_frame_equal(stop.compression[names], expected[names], check_dtype=False)
        for run, (seeds, values) in stop.trajectories["none"].items():
            rows = information[(information["estimator"] == "ebab") & (information["run"] == run)]
            table = rows.pivot_table(index="seed", columns=["layer", "epoch"], values="i_tx", dropna=False)
            assert seeds.tolist() == list(range(6))
            np.testing.assert_array_equal(values.reshape(6, -1), table.to_numpy())


@pytest.mark.parametrize("end_share", [0.1, 0.5])
def test_the_end_of_what_was_trained(study, end_share):
    (found,) = stopped(by_run(study, "ebab"), study["training"], (0.3,), end_share=end_share)
    row = found.compression.query("run == 'relu' and seed == 0 and layer == 3").iloc[0]
    rows = study["information"].query("run == 'relu' and seed == 0 and layer == 3 and estimator == 'ebab'")
    # Of 0, 1, 3, 10, 30, 100, 300 the last, or half of them, rounded down.
    chosen = rows[rows["epoch"].isin([300] if end_share == 0.1 else [30, 100, 300])]
    assert row["i_tx_end"] == pytest.approx(chosen["i_tx"].mean())
    if end_share == 0.1:
        (usual,) = stopped(by_run(study, "ebab"), study["training"], (0.3,))
        pd.testing.assert_frame_equal(usual.compression, found.compression)


def test_a_run_that_is_trained_for_less_stops_at_its_own_share(simulated, study, rules):
    short = {name: table[(table["run"] != "relu") | (table["epoch"] <= 100)] for name, table in study.items()}
    table = settings_table(simulated, short, rules, shares=(0.1, 1.0))
    assert table.groupby("stopping")["stopping_epoch"].unique().map(list).to_dict() == {0.1: [100], 1.0: [1000]}
    found = stopped(by_run(short, "ebab"), short["training"], (0.1, 1.0))
    of_runs = [stop.compression.groupby("run")["stopping_epoch"].first().to_dict() for stop in found]
    assert of_runs == [
        {"relu": 10, "relu-l2-0.015": 100, "tanh": 100},
        {"relu": 100, "relu-l2-0.015": 1000, "tanh": 1000},
    ]
    # Where one run stops earlier than before it is another setting, though all others stop at the same epoch.
    table = settings_table(simulated, short, rules, shares=(0.9, 0.3, 0.31, 1.0))
    assert table["stopping"].unique().tolist() == [0.31, 1.0]


@pytest.mark.parametrize(
    ("estimator", "bounds", "expected"),
    [
        ("kde", ("upper", "lower"), ["upper", "lower"]),
        ("kde", ("lower", "upper"), ["lower", "upper"]),
        ("kde", ("lower",), ["lower"]),
        ("kde", (), ["upper"]),
        ("ebab", ("upper", "lower"), ["none"]),
    ],
)
def test_bounds_are_those_asked_for_where_there_are_two(simulated, study, rules, estimator, bounds, expected):
    table = settings_table(simulated, study, rules, estimator, bounds=bounds)
    assert table["bound"].unique().tolist() == expected
    assert set(table["estimator"]) == {estimator}
    assert (table["n_seeds"].unique().tolist(), table["n_diverged"].unique().tolist()) == ([6], [2])
    assert table["n_dead"].unique().tolist() == [1]
    if estimator == "kde" and len(expected) == 2:
        by_bound = table.set_index(["bound", "claim", "part"])["estimate"].unstack("bound")  # noqa: PD010
        assert (by_bound["upper"] != by_bound["lower"]).sum() > 3


def test_what_was_drawn_is_what_was_asked_for(simulated, study, rules):
    usual = settings_table(simulated, study, rules, confidence=0.95, seed=0, number=2000, end_share=0.1)
    own = stopped(by_run(study, "ebab"), study["training"], (1.0,))
    settings = {"shares": (1.0,), "bounds": ("upper",), "measures": ("drop",)}
    owners, known = owners_of(study["layers"]), simulated.settings_of(study)
    pd.testing.assert_frame_equal(settings_of_estimator(own, None, owners, rules, known, **settings), usual)
    for changed in ({"confidence": 0.8}, {"seed": 1}, {"number": 20_000}):
        other = settings_of_estimator(own, None, owners, rules, known, **settings, **changed)
        differing = (usual[["lower", "upper", "p"]] != other[["lower", "upper", "p"]]) & usual[
            ["lower", "upper", "p"]
        ].notna()
        assert differing.any(axis=None), changed


def test_a_claim_as_a_whole_has_a_verdict_and_no_number(simulated, study, rules):
    table = settings_table(simulated, study, rules, fixed="fixed", measures=("drop", "final"))
    assert len(table) == 2 * (14 + 6)
    wholes = table[table["part"] == WHOLE]
    assert wholes["claim"].tolist() == ["C1", "C2", "C3", "C4", "C5", "C6"] * 2
    assert wholes[["estimate", "lower", "upper", "threshold", "p", "p_corrected"]].isna().all(axis=None)
    assert (wholes[["rule", "inference", "runs", "layers"]] == "").all(axis=None)
    # Before its parts.
    assert table["claim"].tolist() == sorted(table["claim"][:20]) * 2
    for _, rows in table.groupby(["measure", "claim"]):
        assert (rows["part"] == WHOLE).tolist() == [True, *[False] * (len(rows) - 1)]
    with_fixed = table[(table["claim"] == "C6") & (table["part"] != WHOLE)]
    assert with_fixed["estimate"].notna().all()
    without = settings_table(simulated, study, rules)
    reasons = without.loc[without["claim"] == "C6", "reason"]
    assert set(reasons) == {"not estimable: the study has no binning with one range for all layers and as many bins"}


# --- Counting --------------------------------------------------------------------------------------------------------

YES, NO, PERHAPS, NONE = "supported", "contradicted", "inconclusive", "not estimable"


def table_of(rows):
    """From (estimator, method, bound, measure, stopping, varied, settings, verdict)."""
    names = ["estimator", "method", "bound", "measure", "stopping", "varied", "settings", "verdict"]
    table = pd.DataFrame(rows, columns=names).assign(claim="C1", part="a", statistic="its words", primary=False)
    table["settings"] = table["settings"].map(json.dumps)
    return table


def factors_of(rows):
    return sensitivity_summary(table_of(rows))[1].set_index("factor")


def test_shares_are_of_the_pairs_with_two_verdicts():
    levels = zip(
        itertools.product(["drop", "balance"], [0.25, 0.5, 1.0]), [YES, YES, NO, NO, NONE, PERHAPS], strict=True
    )
    table = table_of([("e", "ebab", "none", measure, stop, "", {}, verdict) for (measure, stop), verdict in levels])
    summary, factors = sensitivity_summary(table)
    found = factors.set_index("factor")
    # Of drop: yes yes no, of balance: no none perhaps.
    assert found.loc["measure", ["pairs", "n_differing", "n_reversed"]].tolist() == [2, 2, 1]
    assert found.loc["stopping", ["pairs", "n_differing", "n_reversed"]].tolist() == [4, 3, 2]
    assert found.loc["measure", ["share_differing", "share_reversed", "status"]].tolist() == [1, 0.5, "ok"]
    assert found.loc["stopping", ["share_differing", "share_reversed"]].tolist() == [0.75, 0.5]
    row = summary.iloc[0]
    assert row[["n_settings", "share_supported", "share_contradicted", "share_inconclusive"]].tolist() == [
        6,
        0.4,
        0.4,
        0.2,
    ]
    assert row[["claim", "part", "statement", "turns_on", "primary_verdict"]].tolist() == [
        "C1",
        "a",
        "its words",
        "measure",
        "",
    ]
    assert list(summary.columns)[-1] == list(factors.columns)[-1] == "status"
    # In whatever order the rows come.
    again, _ = sensitivity_summary(table.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(again, summary)


def test_every_part_has_its_own_counts():
    first = table_of(
        [("e", "ebab", "none", measure, 1.0, "", {}, verdict) for measure, verdict in (("drop", YES), ("final", NO))]
    )
    second = first.assign(part="b", verdict=[NONE, NONE], statistic="others")
    table = pd.concat([first, second]).assign(primary=[True, False, True, False])
    summary, factors = sensitivity_summary(table)
    assert summary[["part", "statement", "primary_verdict", "turns_on"]].to_numpy().tolist() == [
        ["a", "its words", YES, "measure"],
        ["b", "others", NONE, ""],
    ]
    assert factors[["part", "factor", "pairs"]].to_numpy().tolist() == [["a", "measure", 1], ["b", "measure", 0]]
    assert summary["status"].tolist() == ["ok", "not estimable: under no setting"]
    assert summary.loc[1, ["n_not_estimable", "n_supported"]].tolist() == [2, 0]
    assert np.isnan(summary.loc[1, "share_supported"])


@pytest.mark.parametrize(
    ("one", "other", "factor"),
    [
        # The same estimator: one thing alone.
        (("e", "kde", "upper", "drop", 1.0, "", {"v": 1}), ("e", "kde", "lower", "drop", 1.0, "", {"v": 1}), "bound"),
        (
            ("e", "kde", "upper", "drop", 1.0, "", {"v": 1}),
            ("e", "kde", "upper", "final", 1.0, "", {"v": 1}),
            "measure",
        ),
        (
            ("e", "kde", "upper", "drop", 1.0, "", {"v": 1}),
            ("e", "kde", "upper", "drop", 0.5, "", {"v": 1}),
            "stopping",
        ),
        (("e", "kde", "upper", "drop", 1.0, "", {"v": 1}), ("e", "kde", "lower", "drop", 0.5, "", {"v": 1}), None),
        # One method, one of its settings, all else equal.
        (("e", "kde", "upper", "drop", 1.0, "", {"v": 1}), ("f", "kde", "upper", "drop", 1.0, "v", {"v": 2}), "v"),
        (("e", "kde", "upper", "drop", 1.0, "", {"v": 1}), ("f", "kde", "lower", "drop", 1.0, "v", {"v": 2}), None),
        (
            ("e", "ebab", "none", "drop", 1.0, "", {"v": 1, "w": 1}),
            ("f", "ebab", "none", "drop", 1.0, "v", {"v": 2, "w": 2}),
            None,
        ),
        (("e", "ebab", "none", "drop", 1.0, "", {"v": 1}), ("f", "ebab", "none", "drop", 1.0, "", {"v": 1}), None),
        # Two methods, each with its own settings; bins have no bound.
        (("e", "kde", "upper", "drop", 1.0, "", {}), ("f", "akde", "upper", "drop", 1.0, "", {}), "estimator"),
        (("e", "kde", "upper", "drop", 1.0, "", {}), ("f", "akde", "lower", "drop", 1.0, "", {}), None),
        (("e", "ebab", "none", "drop", 1.0, "", {}), ("f", "kde", "lower", "drop", 1.0, "", {}), "estimator"),
        (("e", "kde", "lower", "drop", 1.0, "", {}), ("f", "ebab", "none", "drop", 1.0, "", {}), "estimator"),
        (("e", "ebab", "none", "drop", 1.0, "", {}), ("f", "kde", "lower", "final", 1.0, "", {}), None),
        (("e", "ebab", "none", "drop", 1.0, "b", {}), ("f", "kde", "lower", "drop", 1.0, "", {}), None),
        (("e", "ebab", "none", "drop", 1.0, "", {}), ("f", "kde", "lower", "drop", 1.0, "b", {}), None),
    ],
)
def test_two_settings_that_differ_in_one_thing(one, other, factor):
    found = (
        factors_of([(*one, YES), (*other, NO)])
        if factor
        else sensitivity_summary(table_of([(*one, YES), (*other, NO)]))[1]
    )
    if factor is None:
        assert found.empty
    else:
        assert found.index.tolist() == [factor]
        assert found.loc[factor, ["pairs", "n_differing", "n_reversed"]].tolist() == [1, 1, 1]


def test_the_first_of_equal_factors_is_what_a_claim_turns_on():
    rows = [
        ("e", "kde", bound, measure, 1.0, "", {}, YES if (bound, measure) == ("upper", "drop") else NO)
        for bound, measure in itertools.product(["upper", "lower"], ["drop", "final"])
    ]
    summary, factors = sensitivity_summary(table_of(rows))
    assert factors["factor"].tolist() == ["measure", "bound"]
    assert factors["share_differing"].tolist() == [0.5, 0.5]
    assert summary["turns_on"].tolist() == ["measure"]
