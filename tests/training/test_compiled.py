from __future__ import annotations

import subprocess
import sys

NO_FOLDER = """
import numba.core.caching as caching
name = "CacheImpl" if hasattr(caching, "CacheImpl") else "_CacheImpl"  # older versions
getattr(caching, name)._locator_classes = []
from numba import types
from infoplane.training.compiled import compiled

@compiled(types.int64)
def next_number(number):
    return number + 1

print(next_number(4), next_number.stats.cache_path)
"""


def test_without_a_folder_for_compiled_code_it_is_compiled_all_the_same(tmp_path):
    (tmp_path / "script.py").write_text(NO_FOLDER)
    answer = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["5", "None"]
