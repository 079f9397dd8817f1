"""The house: which package may import which, and that one more of each kind is one file or entry."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/infoplane"

# Each imports only what stands before it: data flow in this direction.
ORDER = (
    *("errors", "declarations", "settings", "files", "runtime", "activation_functions"),
    *("datasets", "training", "activity", "estimators"),
    *("presentation", "statistics", "claims", "figures", "explorer", "report"),
    *("stages", "cli", "__main__", "configuration", "workflow"),
)
# What must not be needed though the order allows it: estimators take arrays, statistics and what shows them tables.
APART = {
    "estimators": ("settings", "datasets", "training", "activity"),
    "statistics": ("files", "datasets", "training", "activity", "estimators"),
    "figures": ("datasets", "training", "activity"),
    "explorer": ("files", "datasets", "training", "activity"),
    "report": ("files", "datasets", "training", "activity"),
}


def part_of(module: str) -> str:
    return module.split(".")[1]


def imports_of(path: Path) -> set[str]:
    """The parts of the package that a file imports when it runs; what only annotations need is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "infoplane":
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "infoplane" else [node.module]
            )
            found |= {part_of(name) for name in names}
        elif isinstance(node, ast.Import):
            found |= {part_of(alias.name) for alias in node.names if alias.name.startswith("infoplane.")}
    return found


def parts() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if own != "__init__":
            found.setdefault(own, set()).update(imports_of(path) - {own})
    return found


def test_imports_go_one_way():
    assert set(parts()) == set(ORDER)
    for own, imported in parts().items():
        later = imported & set(ORDER[ORDER.index(own) :])
        assert not later, f"{own} imports {', '.join(sorted(later))}"
        assert not imported & set(APART.get(own, ())), own


def test_estimating_information_needs_no_data_set_no_settings_of_a_run_and_no_training():
    """But for the entropy of a distribution, which data sets use as well."""
    source = (PACKAGE / "stages/information.py").read_text(encoding="utf-8")
    assert "RunSettings" not in source
    assert "activation_functions" not in source
    named = {
        line for line in source.splitlines() if "datasets" in line or "training" in line.replace("training part", "")
    }
    assert {line for line in named if "import" in line} == {"from infoplane.datasets.interface import entropy"}


def test_every_file_of_rules_is_short():
    lengths = {path.name: len(path.read_text().splitlines()) for path in (ROOT / "workflow/rules").glob("*.smk")}
    # common.smk is what the rules share.
    assert {name: length for name, length in lengths.items() if length > 110 and name != "common.smk"} == {}


ACTIVATION_FUNCTION = """    ActivationFunction("cube", _cube, label="cube"),
"""
CUBE = """

def _cube(x: Tensor, out: Tensor | None = None) -> Tensor:
    result: Tensor = x * x * x
    return result if out is None else out.copy_(result)


_ENTRIES = (
"""
DATA_SET = '''"""Points on two rings."""

from __future__ import annotations

import numpy as np

from infoplane.datasets.interface import Dataset


def load(samples: int = 60) -> Dataset:
    rng = np.random.default_rng(0)
    labels = np.arange(samples) % 2
    angle = rng.uniform(0, 2 * np.pi, samples)
    inputs = (1 + labels)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return Dataset("rings", inputs.astype(np.float32), labels)
'''
ESTIMATOR = '''"""The logarithm of how many units are above 0 somewhere, called information."""

from __future__ import annotations

import numpy as np

from infoplane.estimators.interface import Cost, Estimate, Information, Look, Method


def _estimate(activity, labels, input_ids, layer, settings, device):
    active = settings["factor"] * np.log2(1.0 + (activity > 0).any(axis=1).sum(axis=1))
    return [Estimate("none", Information(active, active / 2))]


LOOK = Look("Active units", "#123456", "v")
METHOD = Method(
    name="active_units",
    settings={"factor": {"description": "A factor.", "type": "number", "exclusiveMinimum": 0, "default": 1.0}},
    describe=lambda settings: f"{settings['factor']:g} times the logarithm",
    estimate=_estimate,
    look=LOOK,
    cost=Cost(megabytes=150, megabytes_on_gpu=150, seconds=lambda samples, units: 1e-6 * samples),
)
'''
TABLE = '''"""How many networks a run has."""

from __future__ import annotations

TABLES = ("compression",)
TITLE = "How many networks a run has"
COLUMNS = {"run": "", "networks": ("how many there are", "networks")}
COST = "summarising"


def network_counts(compression):
    """One row per run."""
    return compression.groupby("run", sort=False)["seed"].nunique().rename("networks").reset_index()
'''
FIGURE = '''"""How many networks a run has."""

from __future__ import annotations

from matplotlib.figure import Figure

TABLES = ("network_counts",)
TITLE = "Networks of a run"
CAPTION = """**Networks of a run**, one bar for each run: how many seeds there are."""


def draw(tables):
    """One bar per run."""
    figure = Figure(figsize=(4, 3))
    figure.add_subplot().bar(tables["network_counts"]["run"], tables["network_counts"]["networks"])
    return figure
'''


@pytest.mark.slow
def test_one_more_of_each_kind_is_one_file_or_entry(checkout, tmp_path):
    """A study runs with an activation function, data set, estimator, table and figure that nothing else knows of."""
    source = checkout.folder / "src/infoplane"
    functions = source / "activation_functions.py"
    text = functions.read_text()
    assert "\n_ENTRIES = (\n" in text
    functions.write_text(text.replace("\n\n_ENTRIES = (\n", CUBE + ACTIVATION_FUNCTION, 1))
    for name, content in (
        ("datasets/rings.py", DATA_SET),
        ("estimators/methods/active_units.py", ESTIMATOR),
        ("statistics/tables/network_counts.py", TABLE),
        ("figures/network_counts.py", FIGURE),
    ):
        (source / name).write_text(content)
    config = {
        "study": "own",
        "seeds": 2,
        "device": "cpu",
        "defaults": {"dataset": "rings", "epochs": 5, "recorded_epochs": 3, "hidden_layers": [4], "batch_size": 20},
        "runs": {"cube": {"activation": "cube"}, "more": {"activation": "cube", "dataset_options": {"samples": 80}}},
        "estimators": {"active": {"method": "active_units", "factor": 2.0}, "ebab": {"method": "ebab"}},
        "statistics": {"resamples": 100},
        "claims": "none",
        "figures": ["network_counts", "information_plane"],
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    done = checkout.snakemake("--configfile", "own.yaml")
    assert done.returncode == 0, done.stderr[-5000:]
    results = tmp_path / "results/own"
    counts = pd.read_csv(results / "tables/network_counts.csv")
    assert counts.to_numpy().tolist() == [["cube", 2], ["more", 2]]
    information = pd.read_parquet(results / "tables/information.parquet")
    mine = information[information["estimator"] == "active"]
    assert np.allclose(mine["i_ty"], mine["i_tx"] / 2)
    assert set(mine["assumption"]) == {"2 times the logarithm"}
    assert set(information.groupby("run")["h_x"].first().round(6)) == {round(np.log2(n), 6) for n in (60, 80)}
    assert set(information["activation"]) == {"cube"}
    for name in ("network_counts.svg", "information_plane-active.svg"):
        assert (results / "figures" / name).is_file()
    assert "Active units" in (results / "figures/information_plane-active.rst").read_text()
    assert checkout.planned("--configfile", "own.yaml") == {}
