"""What an estimate becomes in a table, what the counts of samples say of it, and who knows the methods by name."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from infoplane.errors import InfoplaneError
from infoplane.estimators import METHODS, OPTIONAL_COLUMNS, Estimate, Information, Layer, Method
from infoplane.estimators.binning import DIAGNOSTICS
from infoplane.estimators.interface import STANDARD_ERRORS, Cost, Look, estimate_columns, scan_estimates
from infoplane.estimators.validation import without_rounding

ROOT = Path(__file__).parents[2]
LAYER = Layer(1, None, None, -1.0, 1.0, -1.0, 1.0)
SMALL = np.zeros((2, 6, 1), np.float32), np.arange(6) % 2


def own_method(**changes) -> Method:
    """A method that returns the mean activity of each epoch."""

    def estimate(activity, labels, input_ids, layer, settings, device, **further):
        assert set(further) <= {"inputs"}
        mean = activity.mean(axis=(1, 2), dtype=np.float64)
        return [Estimate("none", Information(mean + settings["plus"], np.full(len(mean), np.nan)))]

    declared = {
        "name": "own",
        "settings": {"plus": {"description": "Added.", "type": "number", "default": 0}},
        "describe": lambda settings: "own",
        "estimate": estimate,
        "look": Look("Own"),
        "cost": Cost(100, 100, lambda samples, units: 1e-6 * samples * units),
        "lacks": {"i_ty": "own knows no labels"},
    }
    return Method(**{**declared, **changes})


def test_columns_of_an_estimate():
    i_tx, i_ty = np.array([1.0, np.nan, 2.0, np.nan]), np.array([0.5, 0.5, np.nan, np.nan])
    estimate = Estimate(
        "none",
        Information(i_tx, i_ty),
        i_tx_se=np.arange(4.0),
        undefined={"i_tx": np.array(["", "few samples", "", "no samples"]), "i_ty": "one class"},
        diagnostics={"singletons": np.arange(4)},
    )
    columns = estimate_columns(estimate)
    assert list(columns) == ["i_tx", "i_ty", "i_ty_shuffled", "status", "i_tx_se", "singletons"]
    assert columns["status"].tolist() == [
        "ok",
        "i_tx: few samples",
        "i_ty: one class",
        "i_tx: no samples; i_ty: one class",
    ]
    np.testing.assert_array_equal(columns["i_tx"], i_tx)
    assert np.isnan(columns["i_ty_shuffled"]).all()
    np.testing.assert_array_equal(columns["i_tx_se"], np.arange(4))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"undefined": {}}, "i_ty is NaN without a reason"),
        ({"undefined": {"i_tx": "none"}}, "i_ty is NaN without a reason"),
        ({"i_ty_se": np.zeros(3)}, r"i_ty_se has the shape \(3,\); that of i_tx is \(2,\)"),
        ({"diagnostics": {"coverage": np.zeros((2, 2))}}, r"coverage has the shape \(2, 2\)"),
    ],
)
def test_estimates_that_no_table_can_have(change, sentence):
    estimate = Estimate("none", Information(np.zeros(2), np.full(2, np.nan)), undefined={"i_ty": "no labels"})
    assert estimate_columns(estimate)["status"].tolist() == ["i_ty: no labels"] * 2
    with pytest.raises(InfoplaneError, match=sentence):
        estimate_columns(replace(estimate, **change))


def test_a_method_may_lack_one_of_the_two_and_need_inputs():
    [[estimate], [other]] = scan_estimates(own_method(), *SMALL, None, LAYER, [{"plus": 1}, {"plus": 2}], "cpu")
    assert estimate_columns(estimate)["status"].tolist() == ["i_ty: own knows no labels"] * 2
    assert [*estimate.information.i_tx, *other.information.i_tx] == [1, 1, 2, 2]
    needing = own_method(needs_inputs=True)
    assert scan_estimates(needing, *SMALL, None, LAYER, [{"plus": 1}], "cpu", inputs=np.zeros((6, 3), np.float32))
    with pytest.raises(InfoplaneError, match="own needs inputs, and there are none"):
        scan_estimates(needing, *SMALL, None, LAYER, [{"plus": 1}], "cpu")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ([], "own has an empty list of settings"),
        ([{"plus": 1}, {}], "own has the settings none: needed are plus"),
        ([{"plus": 1, "minus": 1}], "own has the settings minus, plus: needed are plus"),
    ],
)
def test_bad_lists_of_settings(settings, sentence):
    with pytest.raises(InfoplaneError, match=sentence):
        scan_estimates(own_method(), *SMALL, None, LAYER, settings, "cpu")


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if "bins" in method.settings])
@pytest.mark.parametrize("samples", [1, 40, 300])
def test_diagnostics_of_counts(name, samples):
    rng = np.random.default_rng(51)
    activity = np.tanh(rng.normal(size=(3, samples, 2))).astype(np.float32)
    activity[1] = np.round(activity[1])
    activity[2] = 0.5
    method, labels = METHODS[name], rng.integers(0, 2, samples)
    settings = {key: schema["default"] for key, schema in method.settings.items()} | {"bins": 6}
    [estimate] = method.estimate(activity, labels, None, LAYER, settings, "cpu")
    assert set(estimate.diagnostics) == set(method.diagnostics)
    for epoch, item in enumerate(activity):
        states = method.bins(LAYER, settings)(item).states(item)
        counts = np.unique(states, axis=0, return_counts=True)[1]
        got = {key: values[epoch] for key, values in estimate.diagnostics.items()}
        assert got["occupied_states"] == len(counts)
        assert got["singletons"] == sum(count == 1 for count in counts)
        assert got["coverage"] == pytest.approx(1 - sum(counts[counts == 1]) / samples)
        entropy = scipy.stats.entropy(counts, base=2)
        assert got["distance_to_log2_n"] == pytest.approx(np.log2(samples) - entropy, abs=1e-9)


def test_only_rounding_is_taken_away():
    values = np.array([-1.0, -2e-9, -1e-10, 0.0, 1e-12, 3.0, np.nan])
    np.testing.assert_array_equal(without_rounding(values), [-1.0, -2e-9, 0.0, 0.0, 1e-12, 3.0, np.nan])


def test_a_correction_may_give_a_negative_value():
    rng = np.random.default_rng(52)
    activity, labels = rng.normal(size=(50, 200, 1)).astype(np.float32), rng.integers(0, 2, 200)
    settings = {"bins": 2, "range": [-1, 0], "correction": "miller_madow", "shuffles": 0, "shuffle_seed": 0}
    [estimate] = METHODS["fixed_binning"].estimate(activity, labels, None, LAYER, settings, "cpu")
    assert estimate.information.i_ty.min() < -1e-4  # what the labels say is nothing, on average


def test_the_columns_are_documented():
    assert all(OPTIONAL_COLUMNS.values())
    readme = (ROOT / "README.md").read_text()
    for name, words in {**STANDARD_ERRORS, **DIAGNOSTICS}.items():
        assert OPTIONAL_COLUMNS[name] == words
        assert f"| `{name}` | {words} |" in readme


def names_in_code(path: Path) -> set[str]:
    """The names of methods among the texts of a module, but for its docstrings."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for part in () if docstring else ast.iter_child_nodes(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                found |= {name for name in METHODS if re.search(rf"(?<!\w){name}(?!\w)", part.value)}
    return found


def test_no_method_is_known_by_name_elsewhere():
    package = ROOT / "src/infoplane"
    elsewhere = [path for path in package.rglob("*.py") if path.parent != package / "estimators/methods"]
    assert len(elsewhere) > 100
    assert {str(path): names for path in elsewhere if (names := names_in_code(path))} == {}
    rules = [*(ROOT / "workflow/rules").glob("*.smk"), ROOT / "Snakefile"]
    quoted = "|".join(f"[\"']{name}[\"']" for name in METHODS)
    assert [path.name for path in rules if re.search(quoted, path.read_text())] == []


def test_names_in_code_are_seen(tmp_path):
    path = tmp_path / "module.py"
    path.write_text('"""Of ebab."""\n# kde\nx = "fixed_binning"\ny = f"of {x} kde"\nz = "my_ebab"\n')
    assert names_in_code(path) == {"fixed_binning", "kde"}
