"""The registry of estimators, and what reading it costs."""

from __future__ import annotations

import subprocess
import sys

import jsonschema
import pytest

from infoplane.estimators import METHODS


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


def test_reading_the_registry_imports_nothing_heavy():
    heavy = "{'torch', 'numba', 'scipy', 'pandas', 'matplotlib', 'h5py'}"
    code = f"import sys, infoplane.estimators; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
