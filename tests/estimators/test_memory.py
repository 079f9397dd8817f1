"""What a call needs beside its input, at 16384 samples."""

from __future__ import annotations

import subprocess
import sys

import pytest

# The peak of the process itself: compiled code allocates past Python's own counters.
CODE = """
import sys
import numpy as np
from infoplane.estimators import ebab, fixed_binning, kde

def resident(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key)) * 1024

estimator, units = {"ebab": ebab, "fixed_binning": fixed_binning, "kde": kde}[sys.argv[1]], int(sys.argv[2])
estimator(np.zeros((2, 600), np.float32), [0, 1])
activity = np.random.default_rng(0).normal(size=1).astype(np.float32) + np.zeros((16384, units), np.float32)
labels = np.arange(16384) % 2
activity[:, :10] += np.random.default_rng(0).uniform(-1, 1, size=(16384, 10)).astype(np.float32)
open("/proc/self/clear_refs", "w").write("5")  # the peak counts from here
before = resident("VmRSS")
estimator(activity, labels)
print(resident("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("estimator", "units"),
    [
        ("kde", 10),
        ("kde", 512),
        ("kde", 1024),
        ("ebab", 10),
        ("ebab", 256),
        ("ebab", 1024),
        ("fixed_binning", 10),
        ("fixed_binning", 1024),
    ],
)
def test_memory(estimator, units):
    command = [sys.executable, "-c", CODE, estimator, str(units)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0 <= int(answer.stdout) < 50e6
