"""Stage `report`: tables -> the words that the report opens with, and a page of the claims."""

from __future__ import annotations

from pathlib import Path

from infoplane.claims.page import claims_page
from infoplane.files import storage
from infoplane.report import front_page

__all__ = ["overview"]


def overview(study: str, training: Path, summary: Path, claims: Path, parts: Path, output: Path, page: Path) -> None:
    """Write the front page as reStructuredText to `output` and the claims as HTML to `page`."""
    of_claims, of_parts = storage.read_table(claims), storage.read_table(parts)
    text = front_page(
        study,
        storage.read_table(training),
        storage.read_table(summary),
        of_claims,
        of_parts,
        storage.read_table_provenance(claims),
    )
    for path, content in ((output, text), (page, claims_page(study, of_claims, of_parts))):
        with storage.replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
