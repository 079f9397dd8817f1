"""The environment of the rules' commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def run_this_checkout(source: Path) -> None:
    """Make `python -m infoplane` mean the package in `source`, by the Python that runs now.

    So the rules run this checkout's code also where the package is not installed, an older one is, or the virtual
    environment is not activated. Within a conda environment of a rule its own Python comes first.
    """
    _prepend("PYTHONPATH", source)
    _prepend("PATH", Path(sys.executable).parent)


def _prepend(variable: str, folder: Path) -> None:
    before = os.environ.get(variable, "").split(os.pathsep)
    os.environ[variable] = os.pathsep.join([str(folder), *(part for part in before if part not in ("", str(folder)))])
