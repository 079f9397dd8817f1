"""The digest of the code that a stage uses, so that Snakemake reruns a stage when an edit may change its numbers.

Snakemake compares a rule's parameters with those of the last run, but sees no edit inside an imported package. So each
rule has the digest of its stage as a parameter. From the stage's function we follow names from definition to
definition, without importing anything; what else stands at the top of a module counts for all that it defines. What the
package finds by name at run time (a data set, an estimator, a figure) is named by the caller. docs/reruns.md says what
follows from this, and tests/test_code.py traces every stage and holds what ran against what was reached.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

from infoplane.workflow.plain_code import plain

PACKAGE = "infoplane"
MESSAGES = frozenset(
    f"{PACKAGE}.{name}"
    for name in (
        "__main__",
        "datasets.suitability",
        "errors",
        "files.provenance",
        "runtime.devices",
        "runtime.progress",
    )
)
"""Modules that speak to people, or choose between equal devices: what they do changes no number."""
# The table of which a run uses only some entries.
_TABLE = (f"{PACKAGE}.activation_functions", "_ENTRIES")
_REST = ""  # stands for the statements at the top of a module that do more than define a name
_TYPE = ":"  # how a definition is spelled that only an annotation names: its methods may be called

Place = tuple[str, str]  # a module and a name in it
Uses = frozenset[tuple[str, Place]]  # how a definition spells a name, and the definition that it stands for


def digest(roots: Collection[str], *, source: Path, entries: Collection[str] = ()) -> str:
    """SHA-256, in hexadecimal, of all that is reached from `roots`, such as "infoplane.stages.train:train".

    `source` is the folder that holds the package. With `entries`, of the activation functions only these count, and
    without their labels. Raises KeyError if a root does not exist.
    """
    code = reached(roots, source=source, entries=entries)
    # A definition is its text and what its names stand for, wherever that is. The second round tells definitions apart
    # that have the same text and use others.
    known = {place: _hash(text) for place, (text, _) in code.items()}
    for _ in range(2):
        known = {
            place: _hash(
                "\n".join([text, *sorted(f"{name} {known[at]}" for name, at in uses if at in known and name != _TYPE)])
            )
            for place, (text, uses) in code.items()
        }
    return _hash("\n".join(sorted(known.values())))


def digest_of_files(paths: Iterable[Path]) -> str:
    """SHA-256, in hexadecimal, of files beside the code that shape a result, such as the template of a page."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def reached(roots: Collection[str], *, source: Path, entries: Collection[str] = ()) -> dict[Place, tuple[str, Uses]]:
    """The definitions that count, with their text and the names that they use. Arguments and errors as of `digest`."""
    waiting = [(module, name) for module, _, name in (root.partition(":") for root in sorted(roots))]
    for module, name in waiting:
        if name not in _Module.read(source, module).definitions:
            raise KeyError(f"{module} defines no {name}")
    code: dict[Place, tuple[str, Uses]] = {}
    while waiting:
        place = waiting.pop()
        if place not in code and place[0] not in MESSAGES:
            code[place] = _content(place, source, tuple(sorted(entries)) if place == _TABLE else ())
            waiting += [used for _, used in code[place][1]]
    return code


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _content(place: Place, source: Path, entries: tuple[str, ...]) -> tuple[str, Uses]:
    if place[0].split(".")[0] != PACKAGE:
        return ":".join(place), frozenset()
    module = _Module.read(source, place[0])
    written = module.definitions.get(place[1], [])
    statements = [plain(statement, entries) for statement in written]
    uses = {use for statement in statements for use in module.uses(statement)} | {(_REST, (place[0], _REST))}
    types = (at for statement in written for note in _annotations(statement) for _, at in module.uses(note))
    uses |= {(_TYPE, at) for at in types if at[0].split(".")[0] == PACKAGE}
    return "\n".join(map(ast.unparse, statements)), frozenset(uses)


class _Module:
    """What a module defines at its top, and what it imports of the package, wherever it does."""

    def __init__(self, source: Path, name: str) -> None:
        self._source, self._name = source, name
        base = source.joinpath(*name.split("."))
        path = next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)
        self.exists = path is not None
        self.definitions: dict[str, list[ast.stmt]] = {}
        self._imports: dict[str, list[tuple[str, str | None]]] = {}  # of a name the modules and, if any, names in them
        for statement in ast.parse(path.read_text(encoding="utf-8")).body if path else []:
            for defined in _defined(statement):
                self.definitions.setdefault(defined, []).append(statement)
            for node in ast.walk(statement):
                self._add_import(node)

    @classmethod
    @cache
    def read(cls, source: Path, name: str) -> _Module:
        return cls(source, name)

    def _add_import(self, node: ast.AST) -> None:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self._imports.setdefault(alias.asname or alias.name, []).append((str(node.module), alias.name))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                module = alias.name if alias.asname else alias.name.split(".")[0]
                self._imports.setdefault(alias.asname or module, []).append((module, None))

    def targets(self, name: str) -> Iterator[tuple[str, str | None]]:
        """What a name in this module stands for: definitions, or modules of the package and None."""
        if name in self.definitions:
            yield self._name, name
        for module, inner in self._imports.get(name, []):
            if module.split(".")[0] != PACKAGE:
                yield module, inner or _REST  # another library's
            elif inner is None:
                yield module, None
            elif (module, inner) != (self._name, name):
                yield from _Module.read(self._source, module).targets(inner)
        # A function that a package hands on hides the module that bears its name.
        hidden = [at for at in self._imports.get(name, []) if at != (self._name, name)]
        inside = f"{self._name}.{name}"
        if not hidden and name not in self.definitions and _Module.read(self._source, inside).exists:
            yield inside, None

    def _found(self, node: ast.AST) -> list[tuple[str, str | None]]:
        if isinstance(node, ast.Name):
            return list(self.targets(node.id))
        if isinstance(node, ast.Attribute):
            modules = [module for module, inner in self._found(node.value) if inner is None]
            return [at for module in modules for at in _Module.read(self._source, module).targets(node.attr)]
        return []

    def uses(self, node: ast.AST) -> Iterator[tuple[str, Place]]:
        """The names in a statement that stand for definitions; a module by itself stands for all of its own."""
        found = self._found(node)
        for module, name in found:
            names = _Module.read(self._source, module).definitions if name is None else [name]
            yield from ((ast.unparse(node), (module, each)) for each in names)
        if not (found and isinstance(node, ast.Attribute)):  # else the module that it was found in is not used as such
            for child in ast.iter_child_nodes(node):
                yield from self.uses(child)


def _annotations(statement: ast.stmt) -> Iterator[ast.expr]:
    for node in ast.walk(statement):
        found = node.returns if isinstance(node, ast.FunctionDef) else getattr(node, "annotation", None)
        if found is not None:
            yield found


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines, and `_REST` if it does more than that."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    match statement:
        case (
            ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()) | ast.If(test=ast.Name(id="TYPE_CHECKING"))
        ):
            return []
    nodes = list(ast.walk(statement))
    names = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    names += [node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    within = any(isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store) for node in nodes)
    return [
        *names,
        *([_REST] if within or not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) else []),
    ]
