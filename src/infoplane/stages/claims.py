"""Stage `claims`: compression, layers and information -> the verdict on every claim."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infoplane.claims import verdicts
from infoplane.claims.parts import Rules
from infoplane.claims.text import as_markdown
from infoplane.files import storage
from infoplane.stages.common import settings_of_runs
from infoplane.stages.statistics import provenance_from

__all__ = ["claims"]


def claims(
    compression: Path,
    information: Path,
    layers: Path,
    rules: Mapping[str, Any],
    output: Path,
    parts: Path,
    text: Path,
    resampling: Mapping[str, Any],
) -> None:
    """The verdict on every claim as a table, the parts that it rests on, and both as Markdown.

    `rules` is the section `claims`, `resampling` has confidence, resamples and resampling_seed.
    """
    measured = storage.read_table(compression)
    made_with = {**provenance_from(compression), **resampling, "claims": rules}
    table, of_parts = verdicts.claims(
        measured,
        storage.read_rows(information, "estimator", rules["estimator"], verdicts.OF_INFORMATION),
        storage.read_table(layers, verdicts.OF_LAYERS),
        Rules(**rules),
        settings_of_runs(made_with, compression),
        confidence=resampling["confidence"],
        number=resampling["resamples"],
        seed=resampling["resampling_seed"],
    )
    storage.write_table(of_parts, parts, made_with)
    with storage.replacing(text) as temporary:
        temporary.write_text(as_markdown(table, of_parts, rules, measured), encoding="utf-8")
    storage.write_table(table, output, made_with)
