"""The stages: one module each, which reads the files of the stages before it and writes its own.

A module lists in `__all__`, a literal, the functions that the rules call; each is a command of its name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType


@cache
def commands() -> Mapping[str, str]:
    """By the name of a command its function, as "module:function"; no module is imported for it."""
    found = (item for path in sorted(Path(__file__).parent.glob("[!_]*.py")) for item in _listed(path))
    return MappingProxyType(dict(found))


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            for name in ast.literal_eval(statement.value):
                yield name.replace("_", "-"), f"{__name__}.{path.stem}:{name}"
