"""The registry of estimators, and what reading it costs."""

from __future__ import annotations

import subprocess
import sys

import jsonschema
import numpy as np
import pytest

from infoplane.estimators import METHODS, OPTIONAL_COLUMNS, Layer
from infoplane.estimators.interface import estimate_columns, scan_estimates


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_complete(name):
    method = METHODS[name]
    assert method.name == name
    defaults = {}
    for key, schema in method.settings.items():
        assert schema["description"].endswith("."), key
        rule = {keyword: value for keyword, value in schema.items() if keyword != "description"}
        jsonschema.Draft202012Validator.check_schema(rule)
        jsonschema.validate(schema["default"], rule)
        defaults[key] = schema["default"]
    if method.check:
        method.check(defaults)
    assert 0 < len(method.describe(defaults)) < 90
    assert method.look is sys.modules[method.estimate.__module__].LOOK
    assert 0 < method.cost.megabytes <= method.cost.megabytes_on_gpu
    assert 0 < method.cost.seconds(100, 2.5) < method.cost.seconds(1000, 50)
    layer = Layer(1, None, None, -1.0, 1.0, -1.0, 1.0)
    activity, labels = np.linspace(-1, 1, 40, dtype=np.float32).reshape(2, 10, 2), np.arange(10) % 2
    [estimates] = scan_estimates(
        method, activity, labels, None, layer, [defaults], "cpu", inputs=np.zeros((10, 3), np.float32)
    )
    assert tuple(estimate.bound for estimate in estimates) == method.bounds
    for estimate in estimates:
        assert set(estimate_columns(estimate)) <= {"i_tx", "i_ty", "i_ty_shuffled", "status", *OPTIONAL_COLUMNS}
        assert set(estimate.diagnostics) == set(method.diagnostics)


def test_reading_the_registry_imports_nothing_heavy():
    heavy = "{'torch', 'numba', 'scipy', 'pandas', 'matplotlib', 'h5py'}"
    code = f"import sys, infoplane.estimators; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
