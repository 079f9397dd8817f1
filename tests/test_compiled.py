"""Compiled code: kept for the next process where it can be, and compiled all the same where not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/infoplane"
SCRIPT = """
from infoplane.runtime.compiled import compiled
from numba import types

@compiled()
def twice(number):
    return 2 * number

@compiled(types.int64)
def one_more_than_twice(number):
    return twice(number) + 1

print(one_more_than_twice(4), one_more_than_twice.stats.cache_path)
"""
NO_FOLDER = """
import numba.core.caching as caching
name = "CacheImpl" if hasattr(caching, "CacheImpl") else "_CacheImpl"  # older versions
getattr(caching, name)._locator_classes = []
"""


@pytest.fixture
def script(tmp_path) -> Path:
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path / "script.py"


def test_without_a_folder_for_compiled_code_it_is_compiled_all_the_same(script):
    script.write_text(NO_FOLDER + SCRIPT)
    answer = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["9", "None"]


def test_processes_that_compile_at_the_same_time(script, tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, script]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(3)]
    answers = {process.communicate()[0] for process in running}
    assert all(process.returncode == 0 for process in running)
    (answer,) = answers
    assert answer.startswith(f"9 {tmp_path}")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nb[ci]")}
    assert kept
    assert subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout == answer
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nb[ci]")} == kept


BOUNDS = """
import numpy as np
from infoplane.estimators import kde_bounds

rng = np.random.default_rng(0)
inputs, labels = rng.normal(size=(600, 12)), rng.integers(0, 2, 600)
activity = np.tanh(inputs @ rng.normal(size=(8, 12, 5))).astype("float32")
print(*np.array(kde_bounds(activity, labels)).ravel())
"""


def test_the_process_that_compiles_gives_the_bits_of_the_next(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", BOUNDS]
    compiling, loading = (
        subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout for _ in range(2)
    )
    assert len(compiling.split()) == 32
    assert compiling == loading


def test_everything_that_is_kept_is_compiled_that_way():
    users = [path for path in PACKAGE.rglob("*.py") if re.search(r"\bcache ?= ?True", path.read_text())]
    assert users == [PACKAGE / "runtime/compiled.py"]
