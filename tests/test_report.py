"""The report of the smoke study, the file of its configuration, and README.md's part of the claims."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from docutils.core import publish_parts
from PIL import Image

from infoplane import configuration
from infoplane.claims.page import claims_page
from infoplane.errors import InfoplaneError
from infoplane.figures import FIGURES
from infoplane.files import storage
from infoplane.presentation.escaping import restructured_text
from infoplane.report import front_page
from infoplane.stages import readme

ROOT = Path(__file__).parents[1]
SMOKE = "workflow/presets/smoke.yaml"


@pytest.fixture(scope="module")
def report(smoke, tmp_path_factory) -> Path:
    """The folder of the unpacked report."""
    folder = tmp_path_factory.mktemp("report")
    done = smoke.snakemake("--report", str(folder / "report.zip"), "--configfile", SMOKE)
    assert done.returncode == 0, done.stderr[-3000:]
    with zipfile.ZipFile(folder / "report.zip") as archive:
        archive.extractall(folder)
    return folder / "report"


@pytest.fixture(scope="module")
def results(report) -> dict[str, dict]:
    """What the report carries, by its path."""
    text = (report / "report.html").read_text()
    found: dict[str, dict] = json.loads(re.search(r'<script id="results">\s*var results = (.*?);\n', text)[1])
    return found


@pytest.fixture(scope="module")
def tables(smoke) -> dict[str, pd.DataFrame]:
    names = ("training.parquet", "compression_summary.csv", "claims.csv", "claim_parts.csv")
    return {Path(name).stem: storage.read_table(smoke.folder / "results/smoke/tables" / name) for name in names}


@pytest.mark.slow
def test_the_report_has_every_figure_and_table_with_caption_and_label(report, results):
    config = yaml.safe_load((ROOT / SMOKE).read_text())
    figures = [
        f"{name}-{estimator}" if estimator else name
        for name in config["figures"]
        for estimator in (config["estimators"] if FIGURES[name].per_estimator else [""])
    ]
    paths = [f"figures/{figure}.svg" for figure in figures]
    paths += [f"tables/{name}.csv" for name in ("claims", "claim_parts", "compression_summary", "effects")]
    paths += ["explorer.html", "configuration.yaml", "report/claims.html"]
    for path in paths:
        result = results[f"results/smoke/{path}"]
        assert result["labels"], path
        assert "Study" in result["caption"], path
        assert "system-message" not in result["caption"], path
        assert (report / result["data_uri"]).stat().st_size > 300, path
    categories = set(
        json.loads(
            re.search(r'<script id="categories">\s*var categories = (.*?);\n', (report / "report.html").read_text())[1]
        )
    )
    assert categories >= {"Claims", "Configuration", "Explorer", "Figures", "Tables"}


@pytest.mark.slow
def test_the_report_opens_with_what_was_run_and_what_came_out(report, tables, chromium):
    tab = chromium.new_page(viewport={"width": 1400, "height": 800})
    tab.goto((report / "report.html").as_uri())
    front = tab.locator(".prose").first
    front.get_by_role("heading", name="Study smoke").wait_for(timeout=20_000)
    # The top is in sight, though the page is longer than the window.
    assert front.bounding_box()["height"] > 800
    assert front.get_by_role("heading", name="Study smoke").bounding_box()["y"] >= 0
    text = front.inner_text()
    assert "3 runs of 4 seeds each: 12 networks, of which none diverged; trained for 200 epochs" in text
    for claim in tables["claims"].to_dict("records"):
        assert re.search(rf"{claim['claim']}\s+{claim['verdict']}\s+{re.escape(claim['statement'])}", text)
    last = tables["training"].query("epoch == 200")
    for run, rows in last.groupby("run"):
        assert re.search(rf"{run}\s+\S.*\s+{100 * rows['test_accuracy'].mean():.1f} %", text), run
    assert "up to 30 bins, adapted per layer and epoch" in text
    assert "noise variance 0.001; upper and lower bounds" in text
    assert re.search(r"infoplane \d+\.\d+.*torch \d+\.\d+.*numpy \d+\.\d+", text)
    # The configuration unfolds; links lead to the results.
    front.get_by_text("The configuration, as in the file").click()
    assert "noise_variance: 0.001" in front.inner_text()
    front.get_by_role("link", name="explorer.html").click()
    tab.get_by_text("Explorer: the information plane of every run").wait_for(timeout=5_000)
    tab.close()


@pytest.mark.slow
def test_the_pages_of_the_report_load_nothing(report, results, chromium):
    for name, sign in (("explorer.html", "#plane .now_1_marks path"), ("report/claims.html", "h2:has-text('C6')")):
        tab = chromium.new_page()
        problems: list[str] = []
        tab.on("console", lambda message, problems=problems: problems.append(message.text))
        tab.on("request", lambda request, problems=problems: problems.append(request.url))
        address = (report / results[f"results/smoke/{name}"]["data_uri"]).as_uri()
        tab.goto(address)
        tab.locator(sign).first.wait_for(timeout=20_000)
        assert problems == [address]
        tab.close()


@pytest.mark.slow
def test_a_study_made_from_its_configuration_file_is_the_same(smoke):
    path = smoke.folder / "results/smoke/configuration.yaml"
    original = configuration.load(yaml.safe_load((ROOT / SMOKE).read_text()))
    again = configuration.load(yaml.safe_load(path.read_text()))
    assert (again.name, again.seeds, again.runs) == (original.name, original.seeds, original.runs)
    assert (again.estimators, again.claims) == (original.estimators, original.claims)
    assert smoke.planned("--configfile", str(path), "--config", 'figures=["learning_curves"]') == {}


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *sorted((ROOT / "workflow/presets").glob("*.yaml"))])
def test_a_resolved_configuration_is_complete_and_means_the_same(path):
    given = yaml.safe_load(path.read_text())
    text = configuration.resolved(given)
    original, again = (configuration.load(config) for config in (given, yaml.safe_load(text)))
    assert again.runs == original.runs
    assert again.estimators == original.estimators
    assert again.claims == original.claims
    assert configuration.resolved(yaml.safe_load(text)) == text
    assert "device" not in text
    assert "batch_normalisation: false" in text


def study_of(seeds: int, diverged: dict[tuple[str, int], int]) -> dict[str, pd.DataFrame]:
    """Small tables whose names and texts are full of markup."""
    settings = {"dataset": "szt", "hidden_layers": "3", "l2": 0.0, "epochs": 9}
    rows = []
    for run, activation in (("a_", "tanh"), ("b*", "`|x|`_")):
        for seed in range(seeds):
            since = diverged.get((run, seed), -1)
            for epoch, accuracy in ((0, 0.5), (9, 0.95 if since < 0 else np.nan)):
                row = {"run": run, "activation": activation, **settings, "seed": seed, "epoch": epoch}
                rows.append({**row, "test_accuracy": accuracy, "diverged_epoch": since})
    claim = {
        "claim": "C1",
        "verdict": "supported",
        "statement": "A *claim* | with_ <b>marks</b>",
        "estimator": "kde",
        "bound": "upper",
        "measure": "drop",
        "confidence": 0.9,
        "assumption": "|a|_",
        "generalisation": "test_loss",
    }
    part = {
        "claim": "C1",
        "part": "a_ part",
        "verdict": "supported",
        "statistic": "the <i>mean</i>",
        "rule": "below 0",
        "reason": np.nan,
        "estimate": -0.25,
        "lower": -0.5,
        "upper": -0.1,
        "threshold": 0.0,
        "p_corrected": 0.0001,
        "n": 4,
        "runs": "a_",
        "layers": np.nan,
    }
    missing = dict.fromkeys(("estimate", "lower", "upper", "p_corrected"), np.nan)
    lost = {**part, "part": "b", "verdict": "not estimable", "reason": "2 seeds, 3 are needed", "n": 0, **missing}
    return {
        "training": pd.DataFrame(rows),
        "summary": pd.DataFrame(
            {
                "run": ["a_", "b*"],
                "n_dead": [1, 0],
                "estimator": "kde",
                "bound": ["upper", "lower"],
                "method": "kde",
                "assumption": "noise 0.1 x largest |activity| *of* the `layer`_",
            }
        ),
        "claims": pd.DataFrame([claim]),
        "parts": pd.DataFrame([part, lost]),
    }


def test_the_front_page_counts_what_diverged_and_takes_names_as_they_are():
    tables = study_of(2, {("a_", 1): 4, ("b*", 0): 1, ("b*", 1): 1})
    split = {"split": {"fraction": 0.8}}
    made_with = {"infoplane": "1.0", "torch": "2.0", "sources": {"a": {"settings": json.dumps(split), "device": "cpu"}}}
    text = front_page("s_", *tables.values(), made_with)
    body = publish_parts(text, writer="html", settings_overrides={"halt_level": 2})["html_body"]
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", body))
    assert "2 runs of 2 seeds each: 4 networks, of which 3 diverged" in words
    assert re.search(r"a_ tanh 95.0 % 1 of 2", words)
    assert re.search(r"b\* `\|x\|`_ none left 2 of 2", words)
    assert "A *claim* | with_ &lt;b&gt;marks&lt;/b&gt;." in words
    assert "supported, \N{MINUS SIGN}0.25 [\N{MINUS SIGN}0.5, \N{MINUS SIGN}0.1] against 0" in words
    assert "b: not estimable" in words
    assert "KDE, noise 0.1 x largest |activity| *of* the `layer`_; upper and lower bounds" in words
    assert restructured_text("[x]_") == r"\[x\]\_"


def test_the_front_page_lists_what_is_odd_about_the_data_once():
    tables = study_of(1, {})
    of_own = {"settings": json.dumps({"split": {"fraction": 0.8}}), "data_notes": ["x_ is *odd*", "few samples"]}
    sources = {
        "a/ebab": {**of_own, "run": "a_"},
        "a/kde": {**of_own, "run": "a_"},
        "b/ebab": {**of_own, "run": "b", "data_notes": ["few samples"]},
        "c/ebab": {**of_own, "run": "c", "data_notes": []},
    }
    text = front_page("s", *tables.values(), {"sources": sources})
    body = publish_parts(text, writer="html", settings_overrides={"halt_level": 2})["html_body"]
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", body))
    assert "Notes on the data a_: x_ is *odd*. a_, b: few samples. Estimators" in words
    del of_own["data_notes"]
    assert "Notes" not in front_page("s", *tables.values(), {"sources": {"a": {**of_own, "run": "a"}}})


def test_the_page_of_claims_shows_intervals_and_takes_texts_as_they_are():
    tables = study_of(1, {})
    html = claims_page("s", tables["claims"], tables["parts"])
    assert "A *claim* | with_ &lt;b&gt;marks&lt;/b&gt;" in html
    assert "the &lt;i&gt;mean&lt;/i&gt;" in html
    assert "&lt; 0.001" in html
    assert "Note: 2 seeds, 3 are needed" in html
    assert html.count("<svg") == 1  # of the part that could be estimated
    ends = [float(value) for value in re.findall(r'x[12]="([\d.]+)"', html)]
    # The threshold lies right of the interval, as 0 lies above -0.5 to -0.1.
    assert ends[0] == ends[1] > ends[3] > ends[2]


BEGIN, END = readme.BEGIN, readme.END


def test_the_claims_go_between_their_lines_of_the_readme():
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert readme.with_claims(text, "new \\1") == f"before\n{BEGIN}\n\nnew \\1\n\n{END}\nafter\n"
    for wrong in ("nothing", f"{BEGIN}\nno end", f"{END}\n{BEGIN}\n", text + text):
        with pytest.raises(InfoplaneError, match=r"README\.md: there must be one line"):
            readme.with_claims(wrong, "new")
    assert len(re.findall(f"{BEGIN}\n.*?{END}", (ROOT / "README.md").read_text(), re.DOTALL)) == 1


@pytest.mark.slow
def test_readme_takes_pictures_and_claims_from_the_study(smoke, tmp_path, chromium):
    results = smoke.folder / "results/smoke"
    output = tmp_path / "README.md"
    output.write_text(f"# Title\n{BEGIN}\n{END}\nend\n")
    readme.readme(
        "smoke",
        [results / "figures/information_plane-ebab.png"],
        results / "explorer.html",
        "run=relu&epoch=30",
        results / "tables/claims.md",
        results / "tables/claims.provenance.json",
        tmp_path / "docs",
        output,
    )
    text = output.read_text()
    assert re.search(r"The study `smoke` of \d{4}-\d\d-\d\d \(infoplane \d.*, torch \d.*, numpy \d.*\)\.\n", text)
    assert len(re.findall(r"^### C\d: ", text, re.M)) == 6
    claims = storage.read_table(results / "tables/claims.csv")
    for row in claims.to_dict("records"):
        assert f"| {row['claim']} | {row['statement']} | {row['verdict']} |" in text
    assert text.endswith(f"\n\n{END}\nend\n")
    for name in ("information_plane-ebab.png", "explorer.png"):
        path = tmp_path / "docs" / name
        assert path.stat().st_size < 400_000
        with Image.open(path) as picture:
            assert picture.width >= 1400
            assert len(picture.convert("RGB").getcolors(2**20)) > 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "docs"]


def test_without_a_browser_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(readme.shutil, "which", lambda _: None)
    with pytest.raises(InfoplaneError, match="no browser is installed that can take a picture; looked for chromium"):
        readme.screenshot(tmp_path / "page.html", "", tmp_path / "picture.png")
    monkeypatch.setattr(readme.shutil, "which", lambda _: "/bin/false")
    with pytest.raises(InfoplaneError, match=r"/bin/false took no picture of .*page\.html"):
        readme.screenshot(tmp_path / "page.html", "", tmp_path / "picture.png")
