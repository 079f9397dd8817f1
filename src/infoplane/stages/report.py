"""Stage `report`: tables -> the words that the report opens with, and a page of the claims."""

from __future__ import annotations

from pathlib import Path

from infoplane.claims import page
from infoplane.files import storage
from infoplane.report import front_page

__all__ = ["claims_page", "overview"]


def overview(
    study: str, training: Path, summary: Path, output: Path, claims: Path | None = None, parts: Path | None = None
) -> None:
    """Write the front page as reStructuredText; a study without claims has no `claims` and no `parts` of them."""
    tables = storage.read_table(training), storage.read_table(summary)
    of_claims, of_parts = (None if path is None else storage.read_table(path) for path in (claims, parts))
    _write(front_page(study, *tables, of_claims, of_parts, storage.read_table_provenance(summary)), output)


def claims_page(study: str, claims: Path, parts: Path, output: Path) -> None:
    """Write the claims with every part as HTML."""
    _write(page.claims_page(study, storage.read_table(claims), storage.read_table(parts)), output)


def _write(text: str, path: Path) -> None:
    with storage.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
