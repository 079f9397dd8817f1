"""The digest of exactly the code that a stage uses, so that Snakemake reruns a stage when, and only when, it changes.

Snakemake compares a rule's parameters with those of the last run, but sees no edit inside an imported package. So
each rule has the digest of its stage as a parameter. From the stage's function we follow names through the package,
definition by definition, without importing anything: what is never reached does not count, and neither do comments,
docstrings, formatting and annotations. What the package finds by name at run time (a data set, an estimator, a
figure, the entry of an activation function) is not reached by following names; the caller names it.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "infoplane"
# They shape messages or choose between equal devices: a new version of the package reruns nothing by itself.
_WITHOUT_RESULTS = frozenset(f"{PACKAGE}.{name}" for name in ("devices", "errors", "progress", "provenance"))


@dataclass(slots=True)
class _Module:
    """The definitions at the top of a module, and where its imported names come from."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    # local name -> (module, name in it); the name is "" for a module imported as such
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)


def digest(roots: Collection[str], *, source: Path, entries: Collection[str] = ()) -> str:
    """SHA-256, in hexadecimal, of the definitions that are reached from `roots`, such as "infoplane.cli:main".

    `source` is the folder that holds the package. With `entries`, of every tuple of calls at the top of a module
    whose first argument is a name (a table, as of the activation functions) only the entries of those names count.
    Raises KeyError if a root does not exist.
    """
    return _digest(tuple(sorted(roots)), source, frozenset(entries))


def digest_of_files(paths: Iterable[Path]) -> str:
    """SHA-256, in hexadecimal, of files beside the code that shape a result, such as the template of a page."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


@cache
def _digest(roots: tuple[str, ...], source: Path, entries: frozenset[str]) -> str:
    code = hashlib.sha256()
    for module, name in sorted(_reached(roots, source, entries)):
        for statement in _read(source, module).definitions[name]:
            code.update(f"{module}:{name}\n{_text(_selected(statement, entries))}\n".encode())
    return code.hexdigest()


def _reached(roots: tuple[str, ...], source: Path, entries: frozenset[str]) -> frozenset[tuple[str, str]]:
    reached: set[tuple[str, str]] = set()
    waiting = [(module, name) for module, _, name in (root.partition(":") for root in roots)]
    for module, name in waiting:
        if name not in _read(source, module).definitions:
            raise KeyError(f"{module} defines no {name}")
    while waiting:
        module, name = waiting.pop()
        if module in _WITHOUT_RESULTS or (module, name) in reached:
            continue
        content = _read(source, module)
        if name in content.definitions:
            reached.add((module, name))
            for statement in content.definitions[name]:
                waiting += _used(_selected(statement, entries), module, source)
        elif name in content.imports:  # a name that is handed on, as in a package's __init__
            waiting.append(content.imports[name])
    return frozenset(reached)


# Nodes are compared by identity, so that each statement of a module, which is read once, is looked at once.
@cache
def _used(statement: ast.stmt, module: str, source: Path) -> frozenset[tuple[str, str]]:
    """The definitions of the package that a statement speaks of."""
    content = _read(source, module)
    imports = {**content.imports, **_imports(statement, source)}
    used = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            if node.id in content.definitions:
                used.add((module, node.id))
            elif node.id in imports and imports[node.id][1]:
                used.add(imports[node.id])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            target, name = imports.get(node.value.id, ("", ""))
            if target and not name:
                used.add((target, node.attr))
    return frozenset(used)


@cache
def _read(source: Path, module: str) -> _Module:
    content = _Module()
    path = _path(source, module)
    if path is None:
        return content
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        content.imports.update(_imports(statement, source))
        for name in _defined(statement):
            content.definitions.setdefault(name, []).append(statement)
    return content


def _path(source: Path, module: str) -> Path | None:
    base = source.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _defined(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return []
        case ast.If() | ast.Try() | ast.With() | ast.For():
            return [name for inner in ast.walk(statement) if isinstance(inner, ast.Assign) for name in _defined(inner)]
        case _:
            return []


def _imports(statement: ast.stmt, source: Path) -> dict[str, tuple[str, str]]:
    """Local name -> definition, of every import of the package within a statement."""
    if isinstance(statement, ast.If) and isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING":
        return {}
    found = {}
    for node in ast.walk(statement):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = _path(source, inner) is not None
                found[alias.asname or alias.name] = (inner, "") if is_module else (node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE and (alias.asname or alias.name == PACKAGE):
                    found[alias.asname or alias.name] = (alias.name, "")
    return found


def _selected(statement: ast.stmt, entries: frozenset[str]) -> ast.stmt:
    """The statement with only the chosen entries, where it is a table."""
    value = getattr(statement, "value", None)
    if not entries or not isinstance(value, ast.Tuple | ast.List) or not value.elts:
        return statement
    names = [_entry_name(element) for element in value.elts]
    if None in names:
        return statement
    return ast.Expr(ast.Tuple([element for element, name in zip(value.elts, names, strict=True) if name in entries]))


def _entry_name(element: ast.expr) -> str | None:
    if not isinstance(element, ast.Call):
        return None
    named = [keyword.value for keyword in element.keywords if keyword.arg == "name"]
    match [*named, *element.args[:1]]:
        case [ast.Constant(value=str(name)), *_]:
            return name
        case _:
            return None


@cache
def _text(statement: ast.stmt) -> str:
    """The statement without comments, docstrings, formatting and annotations."""
    before: list[tuple[ast.AST, str, Any]] = []

    def replace(node: ast.AST, part: str, value: Any) -> None:
        before.append((node, part, getattr(node, part)))
        setattr(node, part, value)

    for node in ast.walk(statement):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                replace(node, "body", [inner for inner in node.body if not _is_text(inner)] or [ast.Pass()])
                if not isinstance(node, ast.ClassDef):
                    replace(node, "returns", None)
            case ast.arg():
                replace(node, "annotation", None)
    text = ast.unparse(statement)
    for node, part, value in before:
        setattr(node, part, value)
    return text


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
