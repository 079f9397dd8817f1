"""What the tables of statistics and the claims say of themselves, and that one more of them is one file."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import infoplane
from infoplane.claims import CLAIMS
from infoplane.claims.verdicts import claims
from infoplane.errors import InfoplaneError
from infoplane.files import storage
from infoplane.statistics import JOINED, TABLES, declaration
from infoplane.workflow import resources

ROOT = Path(__file__).parents[2]
DECLARED = (
    "TABLES = ('compression',)\nTITLE = 'T'\nCOLUMNS = {'run': '', 'mean': ('mean drop', '')}\nCOST = 'summarising'\n"
)
TOY = f'''"""The mean drop of every run."""

{DECLARED}SETTINGS = ("confidence",)


def toy(compression, *, confidence=0.95):
    """Mean drop times the level."""
    means = compression.groupby("run", sort=False)["drop"].mean() * confidence
    return means.rename("mean").reset_index()
'''


@pytest.fixture(scope="module")
def tables(simulated):
    study = simulated.study(seeds=5, diverged={("relu", 2): 20}, dead={("elu", 1): 3})
    of_runs = simulated.settings_of(study)
    for name, table in TABLES.items():
        draws = {"number": 100} if "resamples" in table.settings else {}
        runs = {"settings": of_runs} if table.of_runs else {}
        study[name] = table.function()(**{part: study[part] for part in table.tables}, **draws, **runs)
    return study, of_runs


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_columns_that_it_declares(tables, name):
    assert list(tables[0][name].columns) == list(TABLES[name].columns)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_what_a_table_declares(table):
    assert inspect.signature(getattr(resources, table.cost)).parameters.keys() == {"study"}
    assert set(table.tables) <= {*JOINED, *TABLES}
    assert "information" in table.tables or not table.run_by_run
    for column, (about, unit) in table.columns.items():
        assert about.strip(), column
        assert unit == unit.strip()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (DECLARED.replace("TITLE", "NAME"), "The table toy must declare TITLE, a literal str"),
        (DECLARED.replace("'summarising'", "cost()"), "COST of the table toy must be a literal constant"),
        (DECLARED.replace("('compression',)", "('weights',)"), "reads the table 'weights'; there are training, "),
        (DECLARED + "SETTINGS = ('measure',)\n", "takes the setting 'measure'; there are confidence, "),
        (DECLARED.replace("('mean drop', '')", "''"), "must say of the column mean what it is and its unit"),
    ],
)
def test_a_faulty_declaration_is_named(source, said):
    assert declaration("toy", source) is None  # no function of its name, so no table
    with pytest.raises(InfoplaneError, match=said):
        declaration("toy", f"{source}\ndef toy(compression): ...")


def test_one_more_table_is_one_more_file(checkout, tables, simulated, tmp_path):
    """In a copy of the project: the stage makes it, and the workflow lists it; nothing else knows of it."""
    (checkout.folder / "src/infoplane/statistics/tables/toy.py").write_text(TOY)
    measured = tables[0]["compression"]
    storage.write_table(measured, tmp_path / "compression.csv", simulated.provenance_of(tables[0]))
    command = [
        "table",
        "--name",
        "toy",
        "--tables",
        str(tmp_path / "compression.csv"),
        "--output",
        str(tmp_path / "toy.csv"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "infoplane", *command, "--settings", '{"confidence": 0.5}'],
        env={"PYTHONPATH": str(checkout.folder / "src")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = storage.read_table(tmp_path / "toy.csv").set_index("run")["mean"]
    for run, rows in measured.groupby("run"):
        assert found[run] == pytest.approx(np.nanmean(rows["drop"]) / 2)
    assert storage.read_table_provenance(tmp_path / "toy.csv")["confidence"] == 0.5
    planned = checkout.planned("--configfile", "workflow/presets/smoke.yaml")
    assert set(TABLES) | {"toy"} <= set(planned)


def test_reading_the_declarations_loads_nothing_heavy():
    heavy = ("torch", "pandas", "matplotlib", "scipy", "numba", "h5py", "sklearn", "numpy")
    program = "import sys; from infoplane import claims, figures, statistics; "
    program += f"print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_no_package_exports_a_name_of_one_of_its_modules():
    packages = [infoplane]
    packages += [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(infoplane.__path__, "infoplane.")
        if found.ispkg
    ]
    assert len(packages) > 15
    for package in packages:
        for found in pkgutil.iter_modules(package.__path__):
            if found.name == "__main__":
                continue
            module = importlib.import_module(f"{package.__name__}.{found.name}")
            assert found.name not in getattr(package, "__all__", ()), module.__name__
            assert getattr(package, found.name) is module, module.__name__


def test_the_page_of_the_tables_is_up_to_date():
    spec = importlib.util.spec_from_file_location("document_tables", ROOT / "tools/document_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TARGET.read_text(encoding="utf-8") == module.text(), "run tools/document_tables.py"


# Claims


def judged(simulated, tables, **changes):
    study, of_runs = tables
    rules = dataclasses.replace(simulated.RULES, fixed="fixed", **changes)
    return claims(study["compression"], study["information"], study["layers"], rules, of_runs, number=200)


def test_a_claim_has_as_many_parts_as_it_declares(simulated, tables):
    _, parts = judged(simulated, tables)
    assert parts.groupby("claim").size().to_dict() == {name: claim.parts for name, claim in CLAIMS.items()}


def test_a_study_may_have_some_of_the_claims(simulated, tables):
    table, parts = judged(simulated, tables, hypotheses=["C4", "C1"])
    everything, all_parts = judged(simulated, tables)
    assert table["claim"].tolist() == ["C4", "C1"]
    assert parts["claim"].tolist() == ["C4", "C4", "C4", "C1"]
    # The estimates are the same; Holm's correction is over these parts alone, the smallest p four times as large.
    both = parts.merge(all_parts, on="part", suffixes=("", "_of_all"))
    assert both["estimate"].tolist() == both["estimate_of_all"].tolist()
    assert parts["p_corrected"].min() == pytest.approx(min(4 * parts["p"].min(), 1.0))
    assert set(table["statement"]) <= set(everything["statement"])


def test_the_activation_functions_that_claims_speak_of_are_those_of_the_rules(simulated, tables):
    named = {"most_compressing": "elu", "different": ["abs", "swish"], "without_phases": "softplus"}
    table, parts = judged(simulated, tables, **named)
    statements = table.set_index("claim")["statement"]
    assert statements["C2"].endswith("ELU compresses most, and |x| and Swish differ")
    assert "softplus, averaged over them," in statements["C3"]
    found = parts.set_index("part")
    assert found.loc["|x| and Swish differ", "runs"] == "abs swish"
    assert found.loc["softplus is flat on average", "runs"] == "softplus"
    study, _ = tables
    ebab = study["compression"].query("estimator == 'ebab' and layer < 6 and not dead and not diverged")
    ceiling = ebab.groupby(["run", "layer"])["at_ceiling"].mean().unstack()
    layers = ceiling.loc[list(simulated.ACTIVATIONS)].max()
    usable = ebab[ebab["layer"].isin(layers[layers <= 0.5].index)]
    means = usable.groupby(["seed", "run"])["drop"].mean().unstack()[list(simulated.ACTIVATIONS)].dropna()
    smallest = min((means["elu"] - means[run]).mean() for run in means if run != "elu")
    assert found.loc["ELU compresses most", "estimate"] == pytest.approx(smallest)


def test_no_activation_function_is_named_in_the_code_of_the_claims():
    named = re.compile(r"\b(tanh|relu|ReLU|softplus|centered_softplus|centered softplus|elu|swish)\b")
    for path in (ROOT / "src/infoplane/claims").rglob("*.py"):
        assert not named.findall(path.read_text()), path


def test_the_section_claims_may_be_none(checkout):
    study = {"study": "without", "runs": {"tanh": {}}, "claims": "none", "sensitivity": {"enabled": True}}
    (checkout.folder / "without.yaml").write_text(yaml.safe_dump(study))
    planned = checkout.planned("--configfile", "without.yaml")
    assert not {"claims", "claims_page", "sensitivity", "sensitivity_tables"} & set(planned)
    assert set(planned) >= {*TABLES, "train", "overview", "explorer", "figure"}
