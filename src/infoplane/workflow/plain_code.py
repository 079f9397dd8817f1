"""What of a statement may change a number.

Left out are comments, docstrings, annotations (but those of a class, which may make its fields), the words of errors
and of progress, the look and the cost of an estimator, the names of local variables, and from where something is
imported. All else counts.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection

# Called with words for people. The label of an activation function is such a word, where numbers are made.
_TOLD_WORDS = ("InfoplaneError", "Progress")
_LABEL = "label"
# What an estimator's declaration says for figures and for planning; those who draw are given the looks by name.
_DECLARATION = "Method"
_NOT_OF_NUMBERS = ("look", "cost", "uses_gpu", "preferred")


def plain(statement: ast.stmt, entries: Collection[str] = ()) -> ast.stmt:
    """The statement without what changes no number; a copy.

    With `entries`, of a tuple of calls only those whose first argument is one of these names, without their labels.
    """
    copied = copy.deepcopy(statement)
    if entries and isinstance(copied, ast.Assign) and isinstance(copied.value, ast.Tuple):
        copied.value.elts = [_entry(call) for call in copied.value.elts if _name(call) in entries]
    result = _Plain().visit(copied) or ast.Pass()
    assert isinstance(result, ast.stmt)
    return ast.fix_missing_locations(result)


def _name(call: ast.expr) -> object:
    first = call.args[0] if isinstance(call, ast.Call) and call.args else None
    return first.value if isinstance(first, ast.Constant) else None


def _entry(call: ast.expr) -> ast.expr:
    assert isinstance(call, ast.Call)
    call.keywords = [keyword for keyword in call.keywords if keyword.arg != _LABEL]
    return call


class _Plain(ast.NodeTransformer):
    _depth = 0  # of functions within functions

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        node.body = node.body or [ast.Pass()]
        if self._depth == 0:
            _rename_locals(node)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        parts = [part if isinstance(part, ast.AnnAssign) else self.visit(part) for part in node.body]
        node.body = [part for part in parts if part is not None] or [ast.Pass()]
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        return None if node.value is None else ast.Assign([node.target], node.value)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        self.generic_visit(node)
        return None if isinstance(node.value, ast.Constant) else node

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        return None

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        self.generic_visit(node)
        return ast.Raise(node.exc.func if isinstance(node.exc, ast.Call) else node.exc, None)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        self.generic_visit(node)
        return ast.Assert(node.test, None)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in _TOLD_WORDS:
            return ast.Call(node.func, [], [])
        if isinstance(node.func, ast.Name) and node.func.id == _DECLARATION:
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in _NOT_OF_NUMBERS]
        return node


def _rename_locals(function: ast.AST) -> None:
    """Number the local variables of a function, and of those within it, in order of appearance."""
    nodes = list(ast.walk(function))
    kept = {node.arg for node in nodes if isinstance(node, ast.arg)}
    kept |= {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    names = [node for node in nodes if isinstance(node, ast.Name)]
    numbers: dict[str, str] = {}
    for node in names:
        if isinstance(node.ctx, ast.Store) and node.id not in kept:
            numbers.setdefault(node.id, f"_{len(numbers)}")
    for node in names:
        node.id = numbers.get(node.id, node.id)
