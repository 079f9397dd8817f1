"""The claims under many settings: each as if it were the only one, and counted as by hand."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pandas as pd
import pytest

from infoplane.claims.sensitivity import WHOLE, sensitivity_summary, stopped, stopping_epochs
from infoplane.claims.sensitivity_text import _sentences, as_markdown
from infoplane.claims.verdicts import claims
from infoplane.cli import main
from infoplane.files import storage
from infoplane.statistics.inference import resampling
from infoplane.statistics.pooled import pooled_correlations
from infoplane.statistics.series import Series
from infoplane.statistics.tables.compression import compression
from infoplane.statistics.tables.correlation import correlation

SHARES = (0.25, 1.0)
NUMBERS = ["estimate", "lower", "upper", "threshold", "p", "p_corrected", "n"]


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """Of few seeds the claims take up to 100,000 resamples; these tests can do with fewer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "MOST_RESAMPLES", 2000)
        yield


@pytest.fixture(scope="module")
def rules(simulated):
    return dataclasses.replace(simulated.RULES, fixed="fixed")


@pytest.fixture(scope="module")
def study(simulated):
    settings = simulated.runs(("tanh", "relu", "softplus", "centered_softplus"))
    diverged = {("relu", 1): 900, ("tanh", 0): 100}
    estimators = ("fixed", "ebab", "ebab_bins_10", "kde")
    return simulated.study(settings, seeds=8, estimators=estimators, diverged=diverged)


@pytest.fixture(scope="module")
def tables(simulated, study, rules):
    return simulated.sensitivity(study, rules, SHARES)


def until(study, share):
    """The study's tables as if training had ended."""
    last = stopping_epochs(study["training"]["epoch"].unique(), [share])[0]
    cut = {name: table[table["epoch"] <= last] for name, table in study.items()}
    training = cut["training"]
    since = training["diverged_epoch"].where(training["diverged_epoch"] <= last, -1)
    return {**cut, "training": training.assign(diverged_epoch=since)}


@pytest.mark.parametrize(
    ("estimator", "bound", "measure", "share"),
    [("ebab", "none", "drop", 1.0), ("ebab_bins_10", "none", "balance", 0.25), ("kde", "lower", "final", 0.25)],
)
def test_every_setting_is_the_claims_of_a_study_that_has_no_other(
    simulated, study, tables, rules, estimator, bound, measure, share
):
    ended = until(study, share)
    of_setting = dataclasses.replace(rules, estimator=estimator, bound=bound, measure=measure)
    measured = compression(ended["information"], ended["training"])
    # The range of fixed binning is that of the whole training, and so is the layer that owns it.
    whole, parts = claims(
        measured, ended["information"], study["layers"], of_setting, simulated.settings_of(study), number=200
    )
    found = tables["sensitivity"]
    chosen = (found["estimator"] == estimator) & (found["bound"] == bound) & (found["measure"] == measure)
    found = found[chosen & (found["stopping"] == share)]
    own = found[found["part"] != WHOLE]
    assert len(own) == len(parts) == 14
    names = ["claim", "part", "statistic", "rule", "inference", "runs", "layers", "reason", "verdict", *NUMBERS]
    pd.testing.assert_frame_equal(
        own[names].reset_index(drop=True), parts[names].reset_index(drop=True), check_dtype=False
    )
    wholes = found[found["part"] == WHOLE]
    assert wholes[["claim", "verdict"]].to_numpy().tolist() == whole[["claim", "verdict"]].to_numpy().tolist()


def test_the_settings_are_all_combinations_and_one_is_the_studys_own(tables):
    table = tables["sensitivity"]
    settings = table.drop_duplicates(["estimator", "bound", "measure", "stopping"])
    assert len(settings) == (3 * 1 + 1 * 2) * 3 * len(SHARES)
    assert len(table) == len(settings) * (14 + 6)
    assert settings[settings["primary"]][["estimator", "measure", "stopping"]].to_numpy().tolist() == [
        ["ebab", "drop", 1.0]
    ]
    assert settings.groupby("stopping")["stopping_epoch"].unique().map(list).tolist() == [[244], [1000]]
    # One network had diverged by epoch 250, two by the end.
    assert settings.groupby("stopping")["n_diverged"].unique().map(list).tolist() == [[1], [2]]
    assert set(settings["n_seeds"]) == {8}


def test_nothing_after_the_stopping_epoch_counts(study):
    rows = study["information"][study["information"]["estimator"] == "ebab"]
    late = rows["epoch"] > 260
    poisoned = rows.assign(i_tx=rows["i_tx"].where(~late, 99.0))
    history = study["training"]
    wrong = history.assign(test_accuracy=history["test_accuracy"].where(history["epoch"] <= 260, -5.0))
    one, other = (
        stopped((of_run for _, of_run in table.groupby("run", sort=False)), training, SHARES)
        for table, training in ((rows, history), (poisoned, wrong))
    )
    pd.testing.assert_frame_equal(one[0].compression, other[0].compression)
    assert not one[1].compression["drop"].equals(other[1].compression["drop"])
    assert one[0].trajectories["none"]["relu"][1].max() == other[0].trajectories["none"]["relu"][1].max() < 99
    # This network diverges only later.
    kept = one[0].compression
    assert not kept.loc[(kept["run"] == "relu") & (kept["seed"] == 1), "diverged"].any()


def test_the_stopping_epoch_is_the_nearest_that_is_recorded():
    epochs = np.array([0, 1, 3, 10, 40, 100])
    assert stopping_epochs(epochs, [0.001, 0.06, 0.07, 0.25, 0.71, 1.0]) == [1, 3, 10, 10, 100, 100]
    assert stopping_epochs(np.array([0]), [0.5, 1.0]) == [0, 0]


def test_shares_that_come_to_the_same_epoch_are_one_setting(simulated, study):
    chosen = study["information"]["estimator"].isin(["ebab"])
    small = {**study, "information": study["information"][chosen]}
    table = simulated.sensitivity(small, shares=(0.25, 0.251, 0.99, 1.0))["sensitivity"]
    assert table["stopping"].unique().tolist() == [0.251, 1.0]


def of_verdicts(rows):
    """A table of one claim with one part, from (estimator, method, bound, measure, stopping, varied, bins, verdict)."""
    names = ["estimator", "method", "bound", "measure", "stopping", "varied", "settings", "verdict"]
    table = pd.DataFrame(rows, columns=names)
    table["settings"] = [json.dumps({"bins": bins}) for bins in table["settings"]]
    return table.assign(claim="C1", part="a part", statistic="a statistic", primary=False)


def test_shares_and_factors_by_hand():
    yes, no, perhaps, none = "supported", "contradicted", "inconclusive", "not estimable"
    binned = [
        ("ebab", "ebab", "none", measure, stop, "", 30, verdict)
        for (measure, stop), verdict in zip(
            itertools.product(["drop", "final"], [0.5, 1.0]), [yes, no, yes, perhaps], strict=True
        )
    ]
    finer = [("ebab_9", "ebab", "none", "drop", 0.5, "bins", 9, no), ("ebab_9", "ebab", "none", "drop", 1.0, "", 9, no)]
    kde = [("kde", "kde", bound, "drop", 1.0, "", 0, verdict) for bound, verdict in (("upper", no), ("lower", none))]
    table = of_verdicts([*binned, *finer, *kde])
    table.loc[1, "primary"] = True
    summary, factors = sensitivity_summary(table)
    row = summary.iloc[0]
    assert row[["n_settings", "n_supported", "n_contradicted", "n_inconclusive", "n_not_estimable"]].tolist() == [
        8, 2, 4, 1, 1,
    ]  # fmt: skip
    assert row["share_supported"] == pytest.approx(2 / 7)
    assert (row["primary_verdict"], row["status"]) == (no, "ok")
    found = factors.set_index("factor")[["pairs", "n_differing", "n_reversed"]].to_numpy().tolist()
    assert factors["factor"].tolist() == ["estimator", "bins", "measure", "stopping", "bound"]
    assert found == [
        [2, 0, 0],  # ebab and ebab_9 at the end, both without a variation, against the upper bound of kde
        [2, 1, 1],  # 30 and 9 bins, at both stops
        [2, 1, 0],  # drop and final at 0.5 agree, at 1.0 they do not, without a contradiction
        [3, 2, 1],
        [0, 0, 0],  # the lower bound has no verdict
    ]
    assert factors.set_index("factor").loc["bound", "status"].startswith("not estimable: ")
    assert row["turns_on"] == "stopping"


def test_no_number_is_missing_without_a_reason(tables):
    summary, factors = tables["sensitivity_summary"], tables["sensitivity_factors"]
    assert len(summary) == 14 + 6
    for table, names in ((summary, ["share_supported", "share_contradicted"]), (factors, ["share_differing"])):
        assert (table[names].isna().any(axis=1) == (table["status"] != "ok")).all()
    counts = [f"n_{name}" for name in ("supported", "contradicted", "inconclusive", "not_estimable")]
    assert (summary[counts].sum(axis=1) == summary["n_settings"]).all()
    own = tables["sensitivity"].query("primary").set_index(["claim", "part"])["verdict"]
    assert summary.set_index(["claim", "part"])["primary_verdict"].to_dict() == own.to_dict()


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_are_not_estimable_under_any_setting(simulated, seeds):
    study = simulated.study(simulated.runs(("tanh", "relu"), ()), seeds=seeds, estimators=("ebab", "kde"))
    tables = simulated.sensitivity(study)
    assert set(tables["sensitivity"]["verdict"]) == {"not estimable"}
    assert set(tables["sensitivity_summary"]["status"]) == {"not estimable: under no setting"}
    assert set(tables["sensitivity_summary"]["turns_on"]) == {""}
    text = as_markdown(*(tables[name] for name in ("sensitivity", "sensitivity_summary", "sensitivity_factors")))
    assert "nan" not in text
    assert "Layers cluster: not estimable under any of the 18 settings (not estimable: no run with an L2" in text


def test_a_claim_as_a_whole_says_why_it_is_not_estimable(tables):
    wholes = tables["sensitivity"].query("part == @WHOLE and verdict == 'not estimable'")
    assert len(wholes) > 0
    of_kde = wholes[(wholes["claim"] == "C6") & (wholes["estimator"] == "kde")]
    assert set(of_kde["reason"]) == {"not estimable: kde is not adaptive"}
    assert wholes["reason"].str.startswith("not estimable: ").all()
    # Where there is a verdict, the verdicts on the parts.
    table = tables["sensitivity"]
    keys = ["estimator", "bound", "measure", "stopping", "claim"]
    parts = table[table["part"] != WHOLE].groupby(keys)
    for _, whole in table.query("part == @WHOLE and verdict != 'not estimable'").iterrows():
        own = parts.get_group(tuple(whole[keys]))
        named = "; ".join(f"{part}: {verdict}" for part, verdict in zip(own["part"], own["verdict"], strict=True))
        assert whole["reason"].startswith(named)


def test_sentences_by_hand():
    """Supported by two of five settings, all differing in something; and by none."""
    table = of_verdicts(
        [
            ("ebab", "ebab", "none", "drop", 1.0, "", 30, "supported"),
            ("ebab", "ebab", "none", "final", 1.0, "", 30, "contradicted"),
            ("kde", "kde", "upper", "drop", 1.0, "", 0, "supported"),
            ("kde", "kde", "upper", "final", 1.0, "", 0, "contradicted"),
            ("kde", "kde", "lower", "final", 1.0, "", 0, "not estimable"),
        ]
    ).assign(stopping_epoch=1000, primary=[True, *[False] * 4])
    summary, factors = sensitivity_summary(table)
    assert _sentences(summary.iloc[0], table, factors) == (
        "supported under 2 of 4 settings, contradicted under 2; not estimable under 1 more. Supported by estimator "
        "(ebab 1/2, kde 1/2); by measure (drop 2/2, final 0/2). Changing one thing changes the verdict: measure 100 % "
        "of 2 pairs (2 from supported to contradicted)."
    )
    table["verdict"] = "contradicted"
    summary, factors = sensitivity_summary(table)
    assert _sentences(summary.iloc[0], table, factors) == (
        "supported under 0 of 5 settings, contradicted under 5. No two settings that differ in one thing have "
        "different verdicts."
    )


def test_one_run_of_two_seeds_has_no_correlation():
    """What remains of two seeds less their mean is one number; with a second run there is one more."""
    run = (np.array([0, 1]), np.array([[1.0], [2.0]]), np.array([3.0, 5.0]), np.zeros((2, 1)))
    (found,) = pooled_correlations([run], np.arange(2), number=50)
    assert found.status == found.interval_status == "not estimable: 2 seeds in 1 runs"
    (found,) = pooled_correlations([run, run], np.arange(2), number=50)
    assert found.status == "ok"
    assert found.r == pytest.approx(1)
    assert found.interval_status.startswith("not estimable: ")


def test_the_text_counts_what_the_tables_say(tables):
    text = as_markdown(*(tables[name] for name in ("sensitivity", "sensitivity_summary", "sensitivity_factors")))
    assert "under 30 settings of the analysis: 4 estimators" in text
    assert text.count("\n## C") == 6
    summary = tables["sensitivity_summary"]
    assert text.count("\n| C") == len(summary)
    # C1 has one part, which says it all.
    assert text.count("\n- ") - text.count("\n- `") == len(summary) - 1
    row = summary[(summary["part"] == "compression increases")].iloc[0]
    # C1 has one part, which is named; of the others the claim as a whole stands before the parts.
    assert text.count("- The claim as a whole: ") == 5
    assert "- Non-saturating functions compress: supported under" in text
    assert f"Compression increases: supported under {row['n_supported']} of 30 settings" in text
    assert "nan" not in text


@pytest.mark.parametrize("what", ["whole", "gaps", "one run", "two seeds", "equal", "one layer at the ceiling"])
def test_pooled_correlations_are_those_of_the_table(simulated, study, what):
    measured = compression(study["information"], study["training"])
    measured = measured[measured["estimator"] == "ebab"].copy()
    if what == "gaps":
        measured.loc[(measured["seed"] == 3) & (measured["layer"] == 4) & (measured["run"] != "relu"), "drop"] = np.nan
    if what == "one run":
        measured = measured[measured["run"] == "softplus"]
    if what == "two seeds":
        measured = measured[measured["seed"].isin([2, 3])]
    if what == "equal":
        measured.loc[measured["layer"] > 3, "drop"] = 0.25
    if what == "one layer at the ceiling":
        measured["at_ceiling"] = measured["layer"] == 5
    expected = correlation(measured, number=300, seed=1, measures=("drop",), generalisations=("test_accuracy",))
    expected = expected[expected["scope"] == ("pooled" if what != "one run" else "run")]
    series = Series(measured, simulated.settings_of(study))
    found = pooled_correlations(
        [
            (own.seeds, own.of_layers["drop"], own.of_seeds["test_accuracy"], own.of_layers["at_ceiling"])
            for own in series.of_run.values()
        ],
        series.seeds,
        number=300,
        seed=1,
    )
    names = ["pearson_r", "pearson_bootstrap_lower", "pearson_bootstrap_upper", "pearson_permutation_p"]
    np.testing.assert_allclose(
        [[layer.r, layer.lower, layer.upper, layer.p] for layer in found], expected[names].to_numpy(float), rtol=1e-9
    )
    assert [(layer.status == "ok") for layer in found] == (expected["status"] == "ok").tolist()
    if what != "one run":
        assert [(layer.n, layer.n_runs) for layer in found] == list(zip(expected["n"], expected["n_runs"], strict=True))


def test_the_stage_writes_what_the_functions_find(simulated, study, rules, tables, tmp_path):
    for name in ("training", "layers"):
        storage.write_table(study[name], tmp_path / f"{name}.parquet", simulated.provenance_of(study))
    runs = study["training"]["run"].unique().tolist()
    of_runs = simulated.settings_of(study)
    for (run, estimator), rows in study["information"].groupby(["run", "estimator"]):
        for block, part in ((f"seeds_{4 * (half)}-{4 * half + 3}", rows[rows["seed"] // 4 == half]) for half in (0, 1)):
            made_with = {"run": run, "estimator": estimator, "settings": of_runs[run].to_json()}
            if estimator == "ebab_bins_10":  # computed in a scan, beside another value
                path = tmp_path / f"scans/{run}/{block}/ebab+bins.parquet"
                other = part.assign(value="20", i_tx=0.0)
                scan = pd.concat([other, part.assign(value="10")]).assign(varied="bins", estimator="ebab+bins")
                storage.write_table(scan, path, made_with)
            else:
                storage.write_table(part, tmp_path / f"{run}/{block}/{estimator}.parquet", made_with)
    given = {**dataclasses.asdict(rules), "fixed": "fixed"}
    chosen = {"bounds": ["upper", "lower"], "measures": ["drop", "balance", "final"], "stopping": SHARES}
    resampling = {"confidence": 0.95, "resamples": 200, "resampling_seed": 0}
    files = []
    for base in ("fixed", "ebab", "kde"):
        variants = {}
        for estimator in (base, *(["ebab_bins_10"] if base == "ebab" else [])):
            varied, value = ("bins", "10") if estimator != base else ("", "")
            own = {"noise_variance": 0.001} if base == "kde" else {"bins": int(value or 30)}
            variants[estimator] = {"base": base, "varied": varied, "value": value, "settings": own}
            variants[estimator]["source"] = ["ebab+bins", value] if value else ["", ""]
            variants[estimator]["fixed"] = {"name": "fixed", "source": ["", ""]} if base == "ebab" else None
        files.append(tmp_path / f"{base}.parquet")
        arguments = ["--files", f"{tmp_path}/{{run}}/{{block}}/{{estimator}}.parquet", "--runs", *runs]
        arguments += ["--blocks", "seeds_0-3", "seeds_4-7", "--number-of-seeds", "8"]
        arguments += ["--scans", f"{tmp_path}/scans/{{run}}/{{block}}/{{estimator}}.parquet"]
        for name in ("training", "layers"):
            arguments += [f"--{name}", str(tmp_path / f"{name}.parquet")]
        for name, content in (("variants", variants), ("rules", given), ("chosen", chosen), ("resampling", resampling)):
            arguments += [f"--{name}", json.dumps(content)]
        assert main(["sensitivity", *arguments, "--output", str(files[-1])]) == 0
    paths = {name: tmp_path / f"{name}.csv" for name in tables}
    outputs = ["--output", paths["sensitivity"], "--summary", paths["sensitivity_summary"]]
    outputs += ["--factors", paths["sensitivity_factors"], "--text", tmp_path / "sensitivity.md"]
    assert main(["sensitivity-tables", "--files", *map(str, files), *map(str, outputs)]) == 0
    for name, expected in tables.items():
        found = storage.read_table(paths[name])
        if name == "sensitivity":  # the estimators of the study, then their variants
            expected = expected.iloc[np.argsort(expected["varied"] != "", kind="stable")]
        assert list(found.columns) == [*expected.columns]
        for column in ("verdict", "n_supported", "n_differing", "turns_on", "primary"):
            if column in expected:
                assert found[column].fillna("").tolist() == expected[column].tolist(), (name, column)
    assert (tmp_path / "sensitivity.md").read_text().startswith("# Sensitivity of the claims\n")
    assert storage.read_table_provenance(paths["sensitivity"])["stopping"] == list(SHARES)
