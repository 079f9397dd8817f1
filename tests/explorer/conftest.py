"""A small study with diverged seeds and names that try to break out of the page, and its explorer."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from infoplane.explorer import page

HOSTILE = "</script><script>document.title='broken'</script><img src=x onerror=alert(1)>\"'&{{}}${study}"


@pytest.fixture(scope="session")
def simulated() -> ModuleType:
    path = Path(__file__).parents[1] / "statistics" / "simulated.py"
    spec = importlib.util.spec_from_file_location("simulated", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tables(simulated) -> dict[str, pd.DataFrame]:
    """Runs tanh, relu (seed 1 diverged), elu (all diverged) and one with a hostile name; four seeds."""
    diverged = {("relu", 1): 30, **{("elu", seed): 1 for seed in range(4)}}
    found = simulated.study(
        simulated.runs(("tanh", "relu", "elu", "swish"), ()),
        seeds=4,
        epochs=simulated.recorded_epochs(1000, 12),
        diverged=diverged,
        estimators=("fixed", "ebab", "kde"),
    )
    for table in found.values():
        table[["run", "activation"]] = table[["run", "activation"]].replace("swish", HOSTILE)
    found["information"] = found["information"].replace(
        {"assumption": {"30 bins of equally many distinct values": HOSTILE}}
    )
    return found


@pytest.fixture(scope="session")
def html(tables) -> str:
    runs = [rows for _, rows in tables["information"].groupby("run", sort=False)]
    return page("a study", runs, tables["training"], {"infoplane": "1.2.3", "torch": "4.5.6"})


@pytest.fixture(scope="session")
def path(html, tmp_path_factory) -> Path:
    found = tmp_path_factory.mktemp("explorer") / "explorer.html"
    found.write_text(html, encoding="utf-8")
    return found
