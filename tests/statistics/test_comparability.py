"""Runs are compared only if every setting is equal that may not differ, whatever settings there are."""

from __future__ import annotations

import dataclasses

import pytest

from infoplane.claims.verdicts import claims
from infoplane.settings import Initialisation, RecordedEpochs, RunSettings, Split
from infoplane.statistics.comparability import baseline_of, families
from infoplane.statistics.series import Series
from infoplane.statistics.tables.compression import compression
from infoplane.statistics.tables.effects import effects
from infoplane.statistics.tables.variance_components import variance_components

# Another value of every setting; a setting that is added to RunSettings has to be added here.
OTHER = {
    "dataset": "parity",
    "dataset_options": (("path", "other.npz"),),
    "split": Split(0.8, 1, "shuffled", stratified=False),
    "hidden_layers": (10, 7, 5, 4, 2),
    "activations": ("relu", "relu", "relu", "relu", "tanh"),
    "batch_normalisation": True,
    "dropout": 0.5,
    "initialisation": Initialisation("he", None),
    "optimiser": "sgd",
    "learning_rate": 0.5,
    "momentum": 0.9,
    "batch_size": None,
    "l2": 0.05,
    "weight_decay": 0.01,
    "penalised_layers": (1,),
    "epochs": 77,
    "recorded_epochs": RecordedEpochs("linear", 60),
    "record_gradients": True,
    "study_seed": 7,
}
NAMES = [field.name for field in dataclasses.fields(RunSettings)]
# What makes a penalty, and what changes no number.
MAY_DIFFER = {"l2", "weight_decay", "penalised_layers", "record_gradients"}


@pytest.fixture(scope="module")
def study(simulated):
    tables = simulated.study(simulated.runs(("tanh", "relu", "elu"), (0.015,)), seeds=6, estimators=("ebab",))
    return {**tables, "compression": compression(tables["information"], tables["training"])}


@pytest.fixture(scope="module")
def of_runs(simulated, study):
    return simulated.settings_of(study)


def test_every_setting_has_another_value_here():
    assert list(OTHER) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_baseline_differs_in_nothing_but_the_penalty(of_runs, name):
    assert baseline_of("relu-l2-0.015", of_runs) == ("relu", "ok")
    penalised = dataclasses.replace(of_runs["relu-l2-0.015"], **{name: OTHER[name]})
    found = baseline_of("relu-l2-0.015", {**of_runs, "relu-l2-0.015": penalised})
    reason = "not estimable: no run without a penalty is otherwise equal"
    assert found == (("relu", "ok") if name in MAY_DIFFER else (None, reason))


@pytest.mark.parametrize("name", NAMES)
def test_a_family_differs_in_nothing_but_the_activation_functions(of_runs, name):
    assert families(of_runs) == [["tanh", "relu", "elu"]]
    other = dataclasses.replace(of_runs["elu"], **{name: OTHER[name]})
    found = families({**of_runs, "elu": other})
    if name in ("l2", "weight_decay"):
        assert found == [["tanh", "relu"]]
    elif name in ("activations", "penalised_layers", "record_gradients"):
        assert found == [["tanh", "relu", "elu"]]
    else:
        assert found == [["tanh", "relu"], ["elu"]]


def test_a_run_that_differs_in_everything_gets_no_baseline(simulated, study, of_runs):
    changes = ("dropout", "optimiser", "batch_normalisation", "initialisation", "split", "study_seed")
    penalised = dataclasses.replace(of_runs["relu-l2-0.015"], **{name: OTHER[name] for name in changes})
    settings = {**of_runs, "relu-l2-0.015": penalised}
    table = effects(study["compression"], settings, number=100)
    assert table["status"].tolist() == ["not estimable: no run without a penalty is otherwise equal"]
    assert table["baseline"].isna().all()
    tables = (study["compression"], study["information"], study["layers"], simulated.RULES)
    _, parts = claims(*tables, settings, number=100)
    of_c4 = parts[parts["claim"] == "C4"]
    assert set(of_c4["reason"]) == {"not estimable: no run with an L2 penalty has a run that is otherwise equal"}
    assert set(of_c4["verdict"]) == {"not estimable"}


def test_only_otherwise_equal_runs_without_a_penalty_are_a_family(simulated, study, of_runs):
    settings = {**of_runs, "elu": dataclasses.replace(of_runs["elu"], dropout=0.5)}
    table = variance_components(study["compression"], settings)
    assert set(table.loc[table["status"] == "ok", "runs"]) == {"tanh relu"}
    assert table["family"].unique().tolist() == ["tanh", "elu", "relu-l2-0.015"]
    penalised = table[table["family"] == "relu-l2-0.015"]
    assert penalised["status"].str.startswith("not estimable: a run with a penalty").all()
    assert Series(study["compression"], settings).family == ["tanh", "relu"]
    # With equal penalties in the tables' columns the settings still tell.
    table = study["compression"].assign(l2=0.0)
    assert Series(table, of_runs).family == ["tanh", "relu", "elu"]
    assert not variance_components(table, of_runs)["runs"].str.contains("l2").any()
    _, parts = claims(table, study["information"], study["layers"], simulated.RULES, of_runs, number=100)
    of_families = parts[parts["claim"].isin(["C1", "C2", "C3"]) & (parts["runs"] != "")]
    assert len(of_families)
    assert not of_families["runs"].str.contains("l2").any()
