"""What `check` says of a study's folder and what `clean` removes, on files of the right names."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from infoplane.files import storage
from infoplane.workflow import housekeeping


@pytest.fixture
def results(tmp_path) -> Path:
    """A folder with tables of two blocks, of which one was made with another version of torch, and a figure."""
    results = tmp_path / "results/study"
    installed = {library: housekeeping.importlib.metadata.version(library) for library in ("torch", "numpy")}
    for block, versions in (("seeds_0-1", installed), ("seeds_2-3", {**installed, "torch": "1.0.0"})):
        path = results / f"information/tanh/{block}/ebab.parquet"
        storage.write_table(pd.DataFrame({"seed": np.arange(2)}), path, versions)
    (results / "figures").mkdir()
    (results / "figures/plane.svg").write_text("a picture")
    return results


def files(results: Path) -> list[str]:
    return sorted(str(path.relative_to(results)) for path in results.rglob("*") if path.is_file())


def test_check_names_what_is_unused_made_with_other_versions_or_damaged(results):
    kept = [results / name for name in files(results)]
    torch = housekeeping.importlib.metadata.version("torch")
    other = f"{results}: 1 files were made with torch 1.0.0; installed is {torch}"
    assert housekeeping.check(results, kept) == other
    assert housekeeping.check(results, kept, ["a note", "and another"]).splitlines() == [other, "a note", "and another"]
    for name in ("weights/tanh/seeds_0-1.h5", "information/tanh/seeds_0-1/kde.parquet"):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text("half of it")
    lines = housekeeping.check(results, [*kept, results / "weights/tanh/seeds_0-1.h5"]).splitlines()
    assert lines[0] == f"{results}/information/tanh/seeds_0-1/kde.parquet: the study no longer uses this file"
    assert lines[1].startswith(f"{results}/weights/tanh/seeds_0-1.h5: this is not a whole HDF5 file")
    assert lines[2].startswith(f"{results}/information/tanh/seeds_0-1/kde.parquet: this is not a whole table")
    assert lines[3:] == [other, "files that are no longer used: 1; `snakemake --cores 1 clean` removes them"]


def test_clean_removes_what_is_unused_and_empty_folders(results):
    kept = [results / "information/tanh/seeds_0-1/ebab.parquet"]
    hidden = results / "figures/.plane.host.1.tmp.svg"
    hidden.write_text("a process is still writing this")
    assert housekeeping.clean(results, kept).splitlines() == [
        f"removed {results}/figures/plane.svg",
        f"removed {results}/information/tanh/seeds_2-3/ebab.parquet",
    ]
    assert files(results) == ["figures/.plane.host.1.tmp.svg", "information/tanh/seeds_0-1/ebab.parquet"]
    assert not (results / "information/tanh/seeds_2-3").exists()
    assert housekeeping.clean(results, kept) == f"{results}: there is nothing to remove"
