"""One more estimator is one more file in the folder of methods: nothing else changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

TOY = '''"""A toy: the spread of the activity, called information."""

from __future__ import annotations

import numpy as np

from infoplane.estimators.interface import Cost, Estimate, Information, Look, Method


def _estimate(activity, labels, input_ids, layer, settings, device, *, inputs):
    spread = settings["factor"] * activity.std(axis=(1, 2), dtype=np.float64)
    diagnostics = {"toy_features": np.full(len(spread), inputs.shape[1])}
    return [Estimate("lower", Information(spread, np.full(len(spread), np.nan)), diagnostics=diagnostics)]


LOOK = Look("Toy spread", "#123456", "v")
METHOD = Method(
    name="toy",
    settings={"factor": {"description": "A factor.", "type": "number", "exclusiveMinimum": 0, "default": 2.0}},
    describe=lambda settings: f"{settings['factor']:g} times the spread",
    estimate=_estimate,
    look=LOOK,
    cost=Cost(megabytes=5000, megabytes_on_gpu=5000, seconds=lambda samples, units: 1e-3 * samples),
    bounds=("lower",),
    needs_inputs=True,
    lacks={"i_ty": "toy knows no labels"},
    diagnostics={"toy_features": "features of an input, a whole number"},
)
'''

# What a study does with a method, where the toy is there and not one other file has changed.
PROGRAM = """
import sys
from pathlib import Path

import numpy as np
import yaml

import infoplane
from infoplane import configuration
from infoplane.estimators import METHODS, OPTIONAL_COLUMNS, Layer
from infoplane.estimators.interface import estimate_columns, scan_estimates
from infoplane.presentation import style
from infoplane.workflow import resources
from infoplane.workflow.code import digest

root, package = Path(sys.argv[1]), Path(sys.argv[2])
assert Path(infoplane.__file__).is_relative_to(package)
assert sorted(METHODS) == sorted([path.stem for path in (package / "infoplane/estimators/methods").glob("[a-z]*.py")])
assert OPTIONAL_COLUMNS["toy_features"] == "features of an input, a whole number"

config = yaml.safe_load((root / "config.yaml").read_text())
config["estimators"] = {"mine": {"method": "toy", "factor": 3.0}, **config.get("estimators", {})}
config["sensitivity"] = {"enabled": True, "vary": {"mine": {"factor": [4.0]}}}
study = configuration.load(config)
mine = study.estimators["mine"]
assert mine.settings == {"factor": 3.0}
assert study.sensitivity.variants["mine_factor_4.0"].settings.settings == {"factor": 4.0}
assert "mine" not in study.sensitivity.fixed and study.claims["estimator"] != "mine"

need = resources.information(study.runs["tanh"], 10, mine, "cpu")
assert need.megabytes > 5000 and need.seconds > 10 * len(study.runs["tanh"].hidden_layers)
assert resources.bounds(mine) == 1

looks = style.estimator_looks({"mine": "toy", "other": "toy", "absent": "absent"})
assert (looks["mine"].label, looks["mine"].colour, looks["mine"].marker) == ("Toy spread (mine)", "#123456", "v")
assert looks["other"].colour != looks["mine"].colour
assert style.estimator_label("toy", "toy") == "Toy spread"

activity = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
given = activity, np.arange(4) % 2, None, Layer(1, None, None, 0.0, 23.0, 0.0, 23.0)
scanned = scan_estimates(METHODS["toy"], *given, [{"factor": 1.0}, {"factor": 2.0}], "cpu", inputs=np.zeros((4, 7)))
columns = [estimate_columns(estimate) for [estimate] in scanned]
np.testing.assert_array_equal(2 * columns[0]["i_tx"], columns[1]["i_tx"])
assert columns[0]["status"].tolist() == ["i_ty: toy knows no labels"] * 2
assert columns[0]["toy_features"].tolist() == [7, 7]

assert METHODS["toy"].estimate.__module__ == "infoplane.estimators.methods.toy"
for name in ("METHOD", "LOOK"):
    assert digest([f"infoplane.estimators.methods.toy:{name}"], source=package)
print("fine")
"""


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT), str(folder)],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_more_estimator_is_one_file(tmp_path):
    package = tmp_path / "src"
    shutil.copytree(ROOT / "src/infoplane", package / "infoplane", ignore=shutil.ignore_patterns("__pycache__"))
    without = run(package)
    assert without.returncode != 0
    (package / "infoplane/estimators/methods/toy.py").write_text(TOY)
    done = run(package)
    assert done.stdout.strip() == "fine", done.stderr
