"""Dead networks among living ones: every table, claim and sensitivity is that of a study without them, and says so."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from infoplane.claims.text import as_markdown
from infoplane.claims.verdicts import claims
from infoplane.statistics.dead import dead_layers, dead_networks
from infoplane.statistics.inference import resampling
from infoplane.statistics.tables.compression import compression
from infoplane.statistics.tables.compression_summary import compression_summary
from infoplane.statistics.tables.correlation import correlation
from infoplane.statistics.tables.effects import effects
from infoplane.statistics.tables.phases import phases
from infoplane.statistics.tables.seeds_needed import seeds_needed
from infoplane.statistics.tables.variance_components import variance_components

# (run, seed) -> the first dead layer. The last has a constant output, and nothing else.
DEAD = {("relu", 1): 3, ("relu", 4): 5, ("relu-l2-0.015", 4): 2, ("elu", 0): 6}


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """Of few seeds the claims take up to 100,000 resamples; these tests can do with fewer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "MOST_RESAMPLES", 2000)
        yield


@pytest.fixture(scope="module")
def study(simulated):
    settings = simulated.runs(("tanh", "relu", "elu"))
    diverged = {("tanh", 3): 300}
    return simulated.study(settings, seeds=8, estimators=("fixed", "ebab"), diverged=diverged, dead=DEAD)


@pytest.fixture(scope="module")
def without(study):
    """The same study without the dead networks' rows."""

    def living(table):
        keys = list(zip(table["run"], table["seed"], strict=True))
        return table[[key not in DEAD for key in keys]].reset_index(drop=True)

    return {name: living(table) for name, table in study.items()}


@pytest.fixture(scope="module")
def measured(study):
    return compression(study["information"], study["training"])


@pytest.fixture(scope="module")
def living(without):
    return compression(without["information"], without["training"])


@pytest.fixture(scope="module")
def of_runs(simulated, study):
    return simulated.settings_of(study)


def same(one, other):
    """Whether two tables agree in all columns but those that count all seeds."""
    left_out = ("n_seeds", "n_dead", "n_not_estimable")
    names = [name for name in one.columns if name not in left_out and not name.endswith("status")]
    pd.testing.assert_frame_equal(one[names].reset_index(drop=True), other[names].reset_index(drop=True))


def test_which_layers_and_networks_are_dead(study):
    for name in ("information", "layers"):
        assert dead_networks(study[name]) == set(DEAD)
        found = dead_layers(study[name])
        assert found[found["run"] == "elu"]["layer"].tolist() == [6]
        assert found[(found["run"] == "relu") & (found["seed"] == 1)]["layer"].tolist() == [3, 4, 5, 6]
    # A layer that varies again at the end is not dead, nor is one in a network that diverged.
    layers = study["layers"].copy()
    layers.loc[layers["epoch"] == layers["epoch"].max(), "varying_units"] = 1.0
    assert dead_networks(layers) == set()
    assert ("tanh", 3) not in dead_networks(study["layers"])


def test_a_dead_network_is_no_compression(measured, living):
    dead = measured[measured["dead"]]
    assert set(zip(dead["run"], dead["seed"], strict=True)) == set(DEAD)
    assert dead[["drop", "balance", "final"]].isna().all(axis=None)
    assert not dead["at_ceiling"].any()
    of_elu = dead[(dead["run"] == "elu") & (dead["estimator"] == "ebab")]
    assert of_elu["layer_dead"].tolist() == [False] * 5 + [True]
    assert set(of_elu["status"]) == {
        "not estimable: dead, no unit of layer 6 varies over samples at the last epoch, 1000"
    }
    assert not measured[measured["diverged"]]["dead"].any()
    # What was measured is still told, and the others are as they would be without.
    assert dead[["i_tx_maximum", "test_accuracy"]].notna().all(axis=None)
    same(measured[~measured["dead"]], living)


def test_all_statistics_leave_dead_networks_out(measured, living, study, without, of_runs):
    summaries = compression_summary(measured), compression_summary(living)
    same(*summaries)
    relu = summaries[0][(summaries[0]["run"] == "relu") & (summaries[0]["measure"] == "drop")]
    assert relu[["n_seeds", "n_diverged", "n_dead", "n"]].drop_duplicates().to_numpy().tolist() == [[8, 0, 2, 6]]
    same(correlation(measured, number=100), correlation(living, number=100))
    same(effects(measured, of_runs, number=100), effects(living, of_runs, number=100))
    same(variance_components(measured, of_runs), variance_components(living, of_runs))
    same(seeds_needed(measured, number=100), seeds_needed(living, number=100))
    found = phases(study["information"], study["training"], number=100)
    same(found, phases(without["information"], without["training"], number=100))
    assert found.groupby("run")["n_dead"].first().to_dict() == {"tanh": 0, "relu": 2, "elu": 1, "relu-l2-0.015": 1}
    pooled = correlation(measured, number=50).query("scope == 'pooled'")
    assert set(pooled["n_dead"]) == {len(DEAD)}


def test_claims_and_sensitivity_leave_dead_networks_out(simulated, measured, living, study, without, of_runs):
    rules = dataclasses.replace(simulated.RULES, fixed="fixed")
    both = [
        claims(table, tables["information"], tables["layers"], rules, of_runs, number=100)
        for table, tables in ((measured, study), (living, without))
    ]
    same(both[0][1], both[1][1])
    assert both[0][0]["n_dead"].tolist() == [len(DEAD)] * 6
    assert both[1][0]["n_dead"].tolist() == [0] * 6
    text = as_markdown(*both[0], dataclasses.asdict(rules), measured)
    assert "2 of 8 seeds of relu are dead and left out" in text
    assert "1 of 8 seeds of elu is dead and left out" in text
    assert "dead" not in as_markdown(*both[1], dataclasses.asdict(rules), living)
    tables = [simulated.sensitivity(tables, rules, (0.5, 1.0), 100) for tables in (study, without)]
    same(*(table["sensitivity"] for table in tables))
    assert set(tables[0]["sensitivity"]["n_dead"]) == {len(DEAD)}


def test_a_run_without_a_living_network(simulated):
    study = simulated.study(
        simulated.runs(("tanh", "relu"), ()), seeds=3, dead={("relu", seed): 4 for seed in range(3)}
    )
    measured = compression(study["information"], study["training"])
    table = compression_summary(measured)
    relu = table[(table["run"] == "relu") & (table["measure"] == "drop")]
    assert set(relu["status"]) == {"not estimable: all 3 seeds are dead"}
    assert relu["mean"].isna().all()
    found = phases(study["information"], study["training"], number=50)
    assert set(found[found["run"] == "relu"]["status"]) == {
        "not estimable: no seed of 3 that is not dead has every epoch"
    }
    assert np.isfinite(found.loc[found["run"] == "tanh", "fall"]).all()
