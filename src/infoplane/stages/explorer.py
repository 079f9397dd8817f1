"""Stage `explorer`: tables -> one page to explore the information planes in."""

from __future__ import annotations

from pathlib import Path

from infoplane.explorer import page
from infoplane.files import storage
from infoplane.stages.statistics import trajectories

__all__ = ["explorer"]


def explorer(study: str, information: Path, training: Path, output: Path) -> None:
    """Write the page of a study; runs are read one by one, since the table of a large study takes gigabytes."""
    made_with = storage.read_table_provenance(information)
    text = page(study, trajectories(information), storage.read_table(training), made_with)
    with storage.replacing(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
