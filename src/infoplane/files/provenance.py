"""What a result was made with."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import infoplane


def provenance(**settings: Any) -> dict[str, Any]:
    """The versions of everything that shapes numbers, and the settings given."""
    libraries = {name: version(name) for name in ("torch", "numpy", "scipy", "numba", "h5py", "pandas")}
    return {"infoplane": infoplane.__version__, "python": platform.python_version(), **libraries, **settings}
