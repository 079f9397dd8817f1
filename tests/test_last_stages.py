"""The stages that show something: which tables reach what draws and writes, and that it lands in the file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from infoplane.files import storage
from infoplane.stages import explorer, figures, report


@pytest.fixture
def folder(tmp_path):
    """Tables of two runs and two estimators, each with provenance."""
    rows = [
        (run, seed, name, value)
        for value, (run, name, seed) in enumerate(
            (run, name, seed) for run in ("b", "a") for name in ("kde", "ebab") for seed in (0, 1)
        )
    ]
    information = pd.DataFrame(rows, columns=["run", "seed", "estimator", "i_tx"])
    tables = {
        "information.parquet": information,
        "training.parquet": information.drop_duplicates(["run", "seed"])[["run", "seed"]],
        "compression.csv": information.rename(columns={"i_tx": "drop"}),
    }
    for name, table in tables.items():
        storage.write_table(table, tmp_path / name, {"torch": "1.2.3", "of": name})
    return tmp_path


@pytest.fixture
def drawn(monkeypatch):
    """What is handed to the function that draws."""
    calls = []

    def draw(*arguments, **settings):
        calls.append((arguments, settings))

    monkeypatch.setattr(figures, "render", draw)
    monkeypatch.setattr("infoplane.figures.animation.animate", draw)
    return calls


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ({}, {}),
        ({"confidence": 0.9}, {"confidence": 0.9}),
        ({"measure": "final", "confidence": 0.8}, {"measure": "final", "confidence": 0.8}),
    ],
)
@pytest.mark.parametrize("estimator", [None, "ebab"])
def test_a_figure_gets_its_tables_by_name(folder, drawn, estimator, given, settings):
    paths, output = [folder / "information.parquet", folder / "compression.csv"], [folder / "x.svg", folder / "x.png"]
    figures.figure("a_figure", paths, output, estimator=estimator, **given)
    (((name, tables, files), found),) = drawn
    assert (name, files, found) == ("a_figure", output, {"estimator": estimator, "part": "all", **settings})
    assert list(tables) == ["information", "compression"]
    # The trajectories are large: of them only those of the estimator are read.
    assert tables["information"]["i_tx"].tolist() == (list(range(8)) if estimator is None else [2, 3, 6, 7])
    assert tables["compression"]["drop"].tolist() == list(range(8))


@pytest.mark.parametrize("run", [None, "a"])
def test_an_animation_gets_the_trajectories_of_its_estimator(folder, drawn, run):
    arguments = ("kde", folder / "information.parquet", folder / "training.parquet", folder / "x.gif")
    figures.animation(*arguments, run=run)
    (((tables, output), found),) = drawn
    assert (output, found) == (folder / "x.gif", {"estimator": "kde", "run": run})
    assert tables["information"]["i_tx"].tolist() == [0, 1, 4, 5]
    assert len(tables["training"]) == 4


def test_the_page_of_the_explorer_is_made_run_by_run(folder, monkeypatch):
    def page(study, runs, training, made_with, part):
        named = [(rows["run"].unique().tolist(), rows["i_tx"].tolist()) for rows in runs]
        assert part == "all"
        return f"{study} {named} {len(training)} {made_with['torch']} {made_with['of']} \N{MINUS SIGN}"

    monkeypatch.setattr(explorer, "page", page)
    arguments = ("a study", folder / "information.parquet", folder / "training.parquet", folder / "x.html")
    explorer.explorer(*arguments)
    text = (folder / "x.html").read_text(encoding="utf-8")
    assert text.startswith("a study [")
    assert text.endswith("] 4 1.2.3 information.parquet \N{MINUS SIGN}")
    for run in ((["b"], [0, 1, 2, 3]), (["a"], [4, 5, 6, 7])):
        assert repr(run) in text


@pytest.mark.parametrize("with_claims", [True, False])
def test_the_front_page_gets_the_claims_where_there_are_some(folder, monkeypatch, with_claims):
    calls = []
    monkeypatch.setattr(report, "front_page", lambda *arguments: calls.append(arguments) or "Study \N{MINUS SIGN}")
    for name in ("summary", "claims", "parts"):
        storage.write_table(pd.DataFrame({"name": [name]}), folder / f"{name}.csv", {"of": name})
    claims, parts = (folder / "claims.csv", folder / "parts.csv") if with_claims else (None, None)
    report.overview("s", folder / "training.parquet", folder / "summary.csv", folder / "x.rst", claims, parts)
    ((study, training, summary, of_claims, of_parts, made_with),) = calls
    assert (study, len(training), summary["name"].tolist(), made_with["of"]) == ("s", 4, ["summary"], "summary")
    if with_claims:
        assert (of_claims["name"].tolist(), of_parts["name"].tolist()) == (["claims"], ["parts"])
    else:
        assert of_claims is of_parts is None
    assert (folder / "x.rst").read_text(encoding="utf-8") == "Study \N{MINUS SIGN}"


def test_the_page_of_claims_is_made_from_files(folder):
    """After a CSV file an empty text is a missing value."""
    shared = {"claim": "C1", "verdict": "supported"}
    claim = {"statement": "It is so", "estimator": "ebab", "bound": "none", "assumption": "up to 30 bins"}
    claim |= {"measure": "drop", "generalisation": "test_accuracy", "confidence": 0.95}
    part = {"part": "a part", "statistic": "the mean", "rule": "more than 0 supports it", "inference": "t", "n": 5}
    part |= {"estimate": -0.5, "lower": -1.0, "upper": np.nan, "threshold": 0.0, "p": 0.02, "p_corrected": 0.04}
    part |= {"runs": "relu", "layers": "", "reason": ""}
    for name, row in (("claims", claim), ("parts", part)):
        storage.write_table(pd.DataFrame([{**shared, **row}]), folder / f"{name}.csv", {})
    report.claims_page("my <study>", folder / "claims.csv", folder / "parts.csv", folder / "x.html")
    text = (folder / "x.html").read_text(encoding="utf-8")
    assert "Claims of the study my &lt;study&gt;" in text
    assert "<small>Rule: more than 0 supports it. Runs: relu.</small>" in text
    assert "\N{MINUS SIGN}0.5 [\N{MINUS SIGN}1, nan]" in text
