"""The stage: what it writes run by run is what the functions make of whole tables."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from infoplane.claims.verdicts import claims
from infoplane.cli import main
from infoplane.files import storage
from infoplane.statistics import TABLES
from infoplane.statistics.tables.compression import compression
from infoplane.statistics.tables.compression_summary import compression_summary
from infoplane.statistics.tables.correlation import correlation
from infoplane.statistics.tables.effects import effects
from infoplane.statistics.tables.phases import phases
from infoplane.statistics.tables.seeds_needed import seeds_needed
from infoplane.statistics.tables.variance_components import variance_components


@pytest.fixture(scope="module")
def folder(simulated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    study = simulated.study(seeds=6, diverged={("relu", 2): 20})
    for name in ("information", "training", "layers"):
        storage.write_table(study[name], folder / f"{name}.parquet", simulated.provenance_of(study))
    return folder


OF_INFORMATION, OF_COMPRESSION = ("information.parquet", "training.parquet"), ("compression.csv",)


def run(folder, stage, *arguments):
    paths = [str(folder / part) if "." in part and not part.startswith("{") else part for part in arguments]
    assert main([stage, *paths]) == 0


def table(folder, name, tables, output, **settings):
    run(folder, "table", "--name", name, "--tables", *tables, "--settings", json.dumps(settings), "--output", output)
    return storage.read_table(folder / output)


def test_tables_are_those_of_the_functions(simulated, folder):
    information, training = (storage.read_table(folder / f"{name}.parquet") for name in ("information", "training"))
    measured = compression(information, training)
    found = table(folder, "compression", OF_INFORMATION, "compression.csv")
    pd.testing.assert_frame_equal(found, measured, check_dtype=False)
    found = table(folder, "phases", OF_INFORMATION, "phases.csv", resamples=200)
    pd.testing.assert_frame_equal(found, phases(information, training, number=200), check_dtype=False)

    found = table(folder, "seeds_needed", OF_COMPRESSION, "s.csv", interval_width=1, resamples=100)
    expected = seeds_needed(storage.read_table(folder / "compression.csv"), width=1.0, number=100)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    # And by hand: the fewest seeds whose interval is no wider.
    row = found[found["status"] == "ok"].nlargest(1, "sd").iloc[0]
    n, widths = int(row["seeds_needed"]), {}
    for count in (n - 1, n):
        widths[count] = np.diff(stats.t.interval(0.95, count - 1, scale=row["sd"] / np.sqrt(count))).item()
    assert widths[n] <= 1 < widths[n - 1]

    rules = simulated.RULES
    given = json.dumps(dataclasses.asdict(rules))
    outputs = ("--output", "claims.csv", "--parts", "claim_parts.csv", "--text", "claims.md")
    tables = ("--compression", "compression.csv", "--information", "information.parquet")
    tables += ("--layers", "layers.parquet")
    resampling = json.dumps({"confidence": 0.95, "resamples": 200, "resampling_seed": 0})
    run(folder, "claims", *tables, "--rules", given, "--resampling", resampling, *outputs)
    layers = storage.read_table(folder / "layers.parquet")
    verdicts, parts = claims(
        measured, information, layers, rules, simulated.settings_of({"training": training}), number=200
    )
    assert storage.read_table(folder / "claims.csv")["verdict"].tolist() == verdicts["verdict"].tolist()
    assert storage.read_table(folder / "claim_parts.csv")["p"].tolist() == pytest.approx(
        parts["p"].tolist(), nan_ok=True
    )
    assert (folder / "claims.md").read_text().startswith("# Claims\n")
    made_with = storage.read_table_provenance(folder / "claims.csv")
    assert made_with["claims"]["estimator"] == "ebab"
    assert made_with["resamples"] == 200


@pytest.mark.parametrize("name", ["compression_summary", "correlation", "effects", "variance_components", "phases"])
def test_the_level_and_the_draw_that_are_asked_for(simulated, folder, name):
    """Each stage hands on the confidence, the number of resamples and their seed."""
    information, training = (storage.read_table(folder / f"{part}.parquet") for part in ("information", "training"))
    measured = compression(information, training)
    of_runs = simulated.settings_of({"training": training})
    storage.write_table(measured, folder / "measured/compression.csv", simulated.provenance_of({"training": training}))
    drawn = {"number": 150, "seed": 5}
    expected = {
        "compression_summary": lambda level: compression_summary(measured, confidence=level),
        "correlation": lambda level: correlation(measured, confidence=level, **drawn),
        "effects": lambda level: effects(measured, of_runs, confidence=level, **drawn),
        "variance_components": lambda level: variance_components(measured, of_runs, confidence=level),
        "phases": lambda level: phases(information, training, confidence=level, **drawn),
    }[name]
    settings = {"confidence": 0.8, "resamples": 150, "resampling_seed": 5}
    used = {key: settings[key] for key in TABLES[name].settings}
    tables = OF_INFORMATION if name == "phases" else ("measured/compression.csv",)
    found = table(folder, name, tables, "out.csv", **used)
    # A table of text has no difference between an empty word and a missing one.
    wanted = expected(0.8).replace("", np.nan)
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)
    limits = [column for column in found if column.endswith(("lower", "upper")) and found[column].fillna(0).any()]
    usual = expected(0.95)
    assert limits
    for column in limits:
        # No limit is the same at both levels throughout.
        assert not np.allclose(found[column].dropna(), usual[column].dropna()), column
    assert storage.read_table_provenance(folder / "out.csv")["confidence"] == 0.8


@pytest.mark.parametrize(
    ("name", "tables", "settings", "said"),
    [
        ("compression", ("none/information.parquet", "training.parquet"), {}, "there is no such file"),
        ("compression", ("training.parquet",), {}, "needs the table 'information'; there are training"),
        ("effects", ("compression.csv",), {"interval_width": 1}, "does not take the setting 'interval_width'; there"),
        ("efects", ("compression.csv",), {}, "no table of statistics 'efects'; there are compression, "),
    ],
)
def test_what_a_table_cannot_be_made_of_gets_a_sentence(folder, capsys, name, tables, settings, said):
    paths = [str(folder / path) for path in tables]
    arguments = ["--name", name, "--tables", *paths, "--settings", json.dumps(settings)]
    assert main(["table", *arguments, "--output", str(folder / "x.csv")]) == 1
    assert said in capsys.readouterr().err
    assert not (folder / "x.csv").exists()
