"""Claims: statements with rules fixed beforehand, their verdicts on a study, and their sensitivity to the analysis.

A claim is a module in the folder `paper`, found by its file and named after it, that defines
`parts(evidence) -> list[Part]`. It declares, as literal constants at its top, STATEMENT, in which names in braces stand
for `Rules.words`, and PARTS, how many parts it has. Importing this package does not import pandas: Snakemake does it
each time it parses the workflow.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infoplane.declarations import constants, discover

if TYPE_CHECKING:
    from infoplane.claims.parts import Evidence, Part

__all__ = ["CLAIMS", "OF_SENSITIVITY", "TABLES", "Declaration", "declaration"]

# The tables of the claims, and those of the section `sensitivity`: a study may do without either.
TABLES = ("claims", "claim_parts")
OF_SENSITIVITY = ("sensitivity", "sensitivity_summary", "sensitivity_factors")

_DECLARATIONS: Mapping[str, tuple[type, Any]] = {"STATEMENT": (str, None), "PARTS": (int, None)}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a claim's module says about itself."""

    module: str
    statement: str
    parts: int

    def parts_of(self, evidence: Evidence) -> list[Part]:
        """The parts of the claim, as far as the evidence says something of them."""
        found: list[Part] = importlib.import_module(f"infoplane.{self.module}").parts(evidence)
        return found


def declaration(name: str, source: str) -> Declaration | None:
    """What the source of a claim's module declares; None if it does not define `parts`, so is no claim.

    Raises InfoplaneError if a declaration is missing or is not a literal.
    """
    values = constants(f"the claim {name}", source, "parts", _DECLARATIONS)
    return None if values is None else Declaration(f"claims.paper.{name}", **values)


_FOUND = discover(Path(__file__).parent / "paper", declaration)
CLAIMS: Mapping[str, Declaration] = {name.upper(): found for name, found in _FOUND.items()}
"""Every claim by name: C1, C2, ..."""
