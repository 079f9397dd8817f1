"""The claims in words and pictures: the page, the Markdown and the README, from tables made by hand."""

from __future__ import annotations

import json
import os
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from infoplane.claims.page import claims_page
from infoplane.claims.text import as_markdown
from infoplane.errors import InfoplaneError
from infoplane.stages import readme

PART = {
    "claim": "C1",
    "part": "a part",
    "statistic": "the mean",
    "rule": "more than 0.05 supports it",
    "inference": "Student's t",
    "estimate": 0.5,
    "lower": 0.25,
    "upper": 1.0,
    "threshold": 0.05,
    "p": 0.02,
    "p_corrected": 0.04,
    "n": 5,
    "runs": "relu elu",
    "layers": "1 2 3 5",
    "reason": "",
    "verdict": "supported",
}
CLAIM = {
    "claim": "C1",
    "statement": "It is so",
    "verdict": "supported",
    "estimator": "ebab",
    "bound": "none",
    "assumption": "up to 30 bins",
    "measure": "drop",
    "generalisation": "test_accuracy",
    "confidence": 0.95,
}
RULES = {"significance": 0.05}


def page(**changes):
    return claims_page("s", pd.DataFrame([CLAIM]), pd.DataFrame([{**PART, **changes}]))


def test_a_drawing_has_its_values_in_proportion():
    """The smallest and the largest of interval, estimate and threshold are 8 pixels from the ends of 170."""
    html = page()
    assert 'width="170" height="22"' in html
    (x1, x2, y1, y2), (lower, upper, *middle) = (
        [float(value) for value in re.findall(r'[xy][12]="([\d.]+)"', line)] for line in re.findall(r"<line.*?/>", html)
    )

    def x(value):
        return 8 + 154 * (value - 0.05) / 0.95

    assert (x1, x2, y1, y2) == (8, 8, 1, 21)
    assert [lower, upper, *middle] == pytest.approx([x(0.25), x(1), 11, 11], abs=0.06)
    circle = re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="4.5"/>', html)
    assert [float(circle[1]), float(circle[2])] == pytest.approx([x(0.5), 11], abs=0.06)
    assert "<small>threshold 0.05</small>" in html
    assert "0.5 [0.25, 1]" in html
    assert "95&nbsp;% intervals" in html
    assert "Rule: more than 0.05 supports it. Runs: relu elu. Layers: 1 2 3 5." in html
    assert "Note: " not in html


def test_a_drawing_without_a_width_or_an_interval():
    equal = page(estimate=0.05, lower=0.05, upper=0.05)
    assert set(re.findall(r'(?:c?x[12]?)="([\d.]+)"', equal)) == {"8.0"}
    none = page(lower=np.nan, upper=np.nan, p_corrected=np.nan, n=0, reason="not estimable: 2 seeds")
    assert none.count("<line") == 1
    assert "<circle" in none
    assert "<td></td><td></td></tr>" in none
    assert "Note: not estimable: 2 seeds. Runs: relu elu." in none
    unknown = page(estimate=np.nan, reason=np.nan, runs=np.nan, layers="")
    assert "<svg" not in unknown
    assert "<small>Rule: more than 0.05 supports it.</small>" in unknown
    assert "<td>0.04</td><td>5</td></tr>" in unknown


@pytest.mark.parametrize(("bound", "text"), [("none", "ebab (up to"), ("lower", "ebab, lower bound (up to")])
def test_the_page_names_the_bound_where_there_is_one(bound, text):
    html = claims_page("s", pd.DataFrame([{**CLAIM, "bound": bound}]), pd.DataFrame([PART]))
    assert f"Estimator {text}" in html


def networks(**changes):
    table = pd.DataFrame({"run": ["relu"] * 3 + ["elu"] * 2, "seed": [0, 1, 2, 0, 1], "dataset": "szt", "epochs": 100})
    return table.assign(**{"diverged": False, "dead": False, **changes})


def text_of(part=(), compression=None, claim=()):
    table, parts = pd.DataFrame([{**CLAIM, **dict(claim)}]), pd.DataFrame([{**PART, **dict(part)}])
    return as_markdown(table, parts, RULES, networks() if compression is None else compression)


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ("1 2 3 5", "; layers 1-3, 5)"),
        ("4", "; layers 4)"),
        ("2 3", "; layers 2-3)"),
        ("", "runs relu, elu)"),
        ("relu 2 3 4; elu 2 4; abs 2 3 4", "; layers 2-4 of relu and abs; 2, 4 of elu)"),
        ("relu 1; elu 3", "; layers 1 of relu; 3 of elu)"),
    ],
)
def test_layers_are_ranges_each_after_the_runs_that_have_them(layers, text):
    assert text in text_of({"layers": layers})


@pytest.mark.parametrize(
    ("p", "text"), [(0.04, "p = 0.04;"), (0.001, "p = 0.001;"), (0.00099, "p < 0.001;"), (0.0412, "p = 0.041;")]
)
def test_p_values_in_text(p, text):
    assert f"(n = 5 seeds, {text}" in text_of({"p_corrected": p})


def test_how_many_networks_there_were():
    text = text_of()
    assert "Tested on 2 runs of 2 to 3 seeds and 100 epochs on szt. Mutual information" in text
    assert "diverged" not in text
    assert "dead" not in text
    assert "hold 95 % intervals over seeds" in text
    assert "over all 1 parts of the claims; a verdict takes p < 0.05." in text
    table = networks(seed=[0, 1, 2, 0, 1], diverged=[True, False, False, True, False], epochs=[100, 100, 100, 50, 50])
    # One row for each layer, but a network counts once.
    text = text_of(compression=pd.concat([table, table]))
    assert "of 2 to 3 seeds and 50 and 100 epochs on szt, of which 2 networks diverged and are left out." in text
    text = text_of(compression=networks(dead=[True, True, False, False, True]))
    assert "2 of 3 seeds of relu are dead and left out and 1 of 2 seeds of elu is dead and left out." in text
    text = text_of(compression=networks(dead=[False] * 4 + [True])[2:])
    assert "Tested on 2 runs of 1 to 2 seeds" in text
    assert "epoch: 1 of 2 seeds of elu is dead and left out." in text
    same = text_of(compression=networks()[1:], claim={"bound": "lower"})
    assert "Tested on 2 runs of 2 seeds" in same
    assert "estimator `ebab`, lower bound: up to 30 bins." in same


# --- The README --------------------------------------------------------------------------------------------------


def made(folder, name, width, height):
    random = np.random.default_rng(0)
    path = folder / name
    Image.fromarray(random.integers(0, 255, (height, width, 3), dtype=np.uint8).repeat(1, axis=0)).save(path)
    return path


def test_pictures_and_claims_of_a_study_go_into_the_readme(tmp_path, monkeypatch):
    wide, narrow = made(tmp_path, "wide.png", 2000, 31), made(tmp_path, "narrow.png", 1600, 20)
    asked = []

    def screenshot(page, view, output):
        asked.append((page, view))
        made(tmp_path, "taken.png", 1800, 90).rename(output)

    monkeypatch.setattr(readme, "screenshot", screenshot)
    claims, provenance = tmp_path / "claims.md", tmp_path / "claims.json"
    claims.write_text(
        "# Claims\n\nTested.\n\n## C1: supported\n\nIt is so.\n\n- A part.\n\n## C2: not estimable\n\nOr not.\n"
    )
    os.utime(claims, (86400 * 365, 86400 * 365))
    provenance.write_text(json.dumps({"infoplane": "1.2", "torch": "3.4", "numpy": "5.6", "other": "7"}))
    output = tmp_path / "README.md"
    output.write_text(f"# Title\n{readme.BEGIN}\nold\n{readme.END}\nend\n")
    arguments = ("my `study`", [wide, narrow], tmp_path / "page.html", "run=a", claims, provenance, tmp_path / "docs")
    readme.readme(*arguments, output)
    assert asked == [(tmp_path / "page.html", "run=a")]
    sizes = {}
    for path in (tmp_path / "docs").iterdir():
        with Image.open(path) as picture:
            sizes[path.name] = picture.size
            assert picture.mode == "P"
            assert len(picture.getcolors()) == 256
    # No wider than a screen, and as high in proportion; those that are narrow enough stay.
    assert sizes == {"wide.png": (1600, 25), "narrow.png": (1600, 20), "explorer.png": (1600, 80)}
    text = output.read_text()
    assert "of 1971-01-01 (infoplane 1.2, torch 3.4, numpy 5.6)." in text
    assert "| C1 | It is so | supported |\n| C2 | Or not | not estimable |\n" in text
    assert "\n### C1: supported\n\nIt is so.\n\n- A part.\n" in text
    assert "# Claims" not in text
    assert "old" not in text
    assert text.endswith(f"</details>\n\n{readme.END}\nend\n")
    claims.write_text("# Claims\n\nnone\n")
    with pytest.raises(InfoplaneError, match=r"claims\.md: this file has no claims with verdicts"):
        readme.readme(*arguments, output)


def test_what_the_browser_is_asked_for(tmp_path, monkeypatch):
    """A browser that writes down its arguments and takes a picture."""
    browser = tmp_path / "chromium-browser"
    browser.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\n'
        'for last; do case "$last" in --screenshot=*) echo picture > "${last#--screenshot=}";; esac; done\n'
    )
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(readme.shutil, "which", lambda name: str(browser) if name == browser.name else None)
    for root in (True, False):
        monkeypatch.setattr(readme.os, "geteuid", lambda root=root: 0 if root else 1000)
        readme.screenshot(tmp_path / "page.html", "run=a", tmp_path / "picture.png")
        asked = (tmp_path / "asked").read_text().split()
        assert {"--headless", "--window-size=1400,900", f"--screenshot={tmp_path}/picture.png"} <= set(asked)
        assert ("--no-sandbox" in asked) == root
        assert asked[-1] == f"file://{tmp_path}/page.html#run=a"
    readme.screenshot(tmp_path / "page.html", "", tmp_path / "picture.png", (300, 200))
    assert "--window-size=300,200" in (tmp_path / "asked").read_text()
    browser.write_text("#!/bin/sh\nexit 3\n")
    # An old picture does not count for a new one.
    with pytest.raises(InfoplaneError, match=r"chromium-browser took no picture of .*page\.html"):
        readme.screenshot(tmp_path / "page.html", "", tmp_path / "picture.png")
