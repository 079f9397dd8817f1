"""What modules say of themselves by literal constants at their tops.

They are read from the source, without importing anything: Snakemake reads them each time it parses the workflow.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from infoplane.errors import InfoplaneError

Declaration = TypeVar("Declaration")


def constants(who: str, source: str, entry: str, known: Mapping[str, tuple[type, Any]]) -> dict[str, Any] | None:
    """The constants of a module, by their names in lower case; None if it does not define the function `entry`.

    `known` has the type of each constant, and the value of one that may be left out. Raises InfoplaneError, which calls
    the module `who`, if a constant is missing, of another type or no literal.
    """
    body = ast.parse(source).body
    if not any(isinstance(statement, ast.FunctionDef) and statement.name == entry for statement in body):
        return None
    values: dict[str, Any] = {key: value for key, (_, value) in known.items()}
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            key = statement.targets[0].id
            if key in known:
                try:
                    values[key] = ast.literal_eval(statement.value)
                except ValueError:
                    raise InfoplaneError(f"{key} of {who} must be a literal constant.") from None
    for key, (kind, _) in known.items():
        if not isinstance(values[key], kind):
            raise InfoplaneError(f"{who[0].upper()}{who[1:]} must declare {key}, a literal {kind.__name__}.")
    return {key.lower(): value for key, value in values.items()}


def refuse_unknown(who: str, verb: str, found: Collection[str], known: Collection[str]) -> None:
    """Raise InfoplaneError if one of the names that a module declares is none of those known."""
    unknown = [name for name in found if name not in known]
    if unknown:
        raise InfoplaneError(f"{who[0].upper()}{who[1:]} {verb} {unknown[0]!r}; there are {', '.join(known)}.")


def discover(folder: Path, declaration: Callable[[str, str], Declaration | None]) -> Mapping[str, Declaration]:
    """By its name what each module of a folder declares, from its name and source; None is no declaration."""
    found = {path.stem: declaration(path.stem, path.read_text("utf-8")) for path in sorted(folder.glob("[!_]*.py"))}
    return MappingProxyType({name: declared for name, declared in found.items() if declared is not None})
