"""Changes the code in one small place at a time and asks whether a quick test notices.

    python tests/mutation/mutate.py --number 200 --seed 0

A mutant that no quick test (`-m "not slow"`) fails for has survived: either it computes the same, or a test is missing.
The files are those of `FOLDERS`, without compiled kernels. First the
quick tests run once under coverage, to know which of them run which line; a mutant is then put to these tests alone, in
a copy of the checkout per worker, by a process forked from one that has the libraries loaded. For maintainers, not for
CI. Needs Linux and the extra `test`.
"""

from __future__ import annotations

import argparse
import ast
import copy
import difflib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "src/infoplane"
FOLDERS = ("activity", "claims", "estimators", "statistics", "stages", "training")
TARGETS = tuple(f"{name}/**/*.py" for name in FOLDERS)
LEFT_OUT = ("training/products.py", "estimators/kernels")
NOT_COPIED = (".git", "results", "logs", ".snakemake", "__pycache__", "*.egg-info", ".hypothesis", ".*_cache")
# Loaded once per worker, before it forks: what is slow to import and is not under test.
LIBRARIES = ("numpy", "pandas", "scipy.stats", "torch", "h5py", "pyarrow.parquet", "numba", "pytest", "hypothesis")
# Calls that only show or prepare something; without them every number is the same.
SHOWN = ("step", "Progress", "annotate", "warn")

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_PAIRS = [
    ("min", "max"),
    ("minimum", "maximum"),
    ("argmin", "argmax"),
    ("any", "all"),
    ("mean", "median"),
    ("sum", "mean"),
    ("floor", "ceil"),
    ("nanmin", "nanmax"),
    ("lower", "upper"),
    ("first", "last"),
    ("zeros", "ones"),
    ("left", "right"),
    ("logical_and", "logical_or"),
    ("isnan", "isfinite"),
]
NAMES = {one: other for a, b in reversed(_PAIRS) for one, other in ((b, a), (a, b))}


@dataclass(frozen=True)
class Mutant:
    """Bytes `start` to `end` of a file replaced by `text`; `line` is where they begin."""

    file: str
    line: int
    start: int
    end: int
    text: str
    what: str

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.text.encode() + source[self.end :]

    def diff(self, source: bytes) -> str:
        lines = [text.decode().splitlines() for text in (source, self.applied(source))]
        found = list(difflib.unified_diff(*lines, n=0, lineterm=""))[3:]
        return "\n".join(f"      {line}" for line in found)


# --- What can be changed -------------------------------------------------------------------------------------------


def mutants_of(file: str, source: bytes) -> Iterator[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def made(node: ast.AST, new: ast.AST, what: str) -> Mutant:
        start = starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        end = starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        text = ast.unparse(new)
        if isinstance(new, ast.expr) and not isinstance(new, ast.Name | ast.Constant | ast.Call | ast.Attribute):
            text = f"({text})"
        return Mutant(file, node.lineno, start, end, text, what)  # type: ignore[attr-defined]

    for node in _numeric_nodes(ast.parse(source)):
        if isinstance(node, ast.If) and not _only_raises(node):
            yield made(node.test, ast.UnaryOp(ast.Not(), node.test), "condition negated")
        for new, what in _changes(node):
            yield made(node, new, what)


def _numeric_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that can change a number: no annotations, messages, docstrings or decorators."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr | ast.Raise | ast.Import):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            # A compiled kernel's lines are never seen to run.
            if isinstance(child, ast.FunctionDef) and any("compiled" in ast.unparse(d) for d in child.decorator_list):
                continue
            if isinstance(child, ast.keyword) and child.arg in ("strict", "dtype", "copy", "sort", "observed"):
                continue
            if isinstance(child, ast.Assign) and ast.unparse(child.targets[0]) == "__all__":
                continue
            yield child
            yield from _numeric_nodes(child)


def _changes(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    def changed(**fields: object) -> ast.AST:
        new = copy.copy(node)
        for name, value in fields.items():
            setattr(new, name, value)
        return new

    match node:
        case ast.Compare(ops=[op, *rest]) if type(op) in COMPARISONS:
            yield changed(ops=[COMPARISONS[type(op)](), *rest]), "comparison"
        case ast.BinOp(op=op) if type(op) in ARITHMETIC:
            yield changed(op=ARITHMETIC[type(op)]()), "arithmetic"
        case ast.AugAssign(op=op) if type(op) in ARITHMETIC:
            yield changed(op=ARITHMETIC[type(op)]()), "arithmetic"
        case ast.UnaryOp(op=ast.USub() | ast.Invert() | ast.Not(), operand=operand):
            yield operand, "sign or negation removed"
        case ast.BoolOp(op=op):
            yield changed(op=ast.Or() if isinstance(op, ast.And) else ast.And()), "and for or"
        case ast.IfExp(test=test):
            yield changed(test=ast.UnaryOp(ast.Not(), test)), "condition negated"
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value), "boolean"
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1), "constant"
            if value not in (0, 1):
                yield ast.Constant(value - 1 if isinstance(value, int) else value * 0.5), "constant"
        case ast.Attribute(attr=name) if name in NAMES:
            yield changed(attr=NAMES[name]), "name"
        case ast.Name(id=name, ctx=ast.Load()) if name in ("min", "max", "any", "all"):
            yield changed(id=NAMES[name]), "name"
        case ast.Subscript(slice=ast.Slice(lower=lower, upper=upper)) if lower and not upper:
            yield changed(slice=ast.Slice()), "slice"
        case ast.If() if _only_raises(node):
            yield ast.Pass(), "check removed"
        case ast.Return(value=value) if value and not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None)), "nothing returned"
        case ast.Expr(value=ast.Call(func=function)) if ast.unparse(function).split(".")[-1] not in SHOWN:
            yield ast.Pass(), "call removed"
        case ast.Call(keywords=[_, *_]):
            for index, keyword in enumerate(node.keywords):
                if keyword.arg and keyword.arg not in ("strict", "dtype", "copy", "sort", "observed", "unit"):
                    yield changed(keywords=node.keywords[:index] + node.keywords[index + 1 :]), f"no {keyword.arg}="


def _only_raises(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise) and not node.orelse


# --- Which tests run a line ------------------------------------------------------------------------------------------


class Recorder:
    """A plugin of pytest: notes which test runs which line, and how long each takes."""

    def __init__(self, folder: Path) -> None:
        import coverage

        self.folder = folder
        source = [str(ROOT / PACKAGE / name) for name in FOLDERS]
        self.coverage = coverage.Coverage(data_file=None, source=source, concurrency="thread", config_file=False)
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []
        self.coverage.start()

    def _during(self, context: str) -> Iterator[None]:
        self.coverage.switch_context(context)
        yield
        self.coverage.switch_context("")

    # Fixtures of a module are made for its first test, and what they ran concerns all of its tests.
    def pytest_runtest_logreport(self, report: object) -> None:
        name: str = report.nodeid  # type: ignore[attr-defined]
        self.seconds[name] = self.seconds.get(name, 0.0) + report.duration  # type: ignore[attr-defined]
        if report.failed:  # type: ignore[attr-defined]
            self.failed.append(name)

    def pytest_sessionfinish(self) -> None:
        self.coverage.stop()
        data = self.coverage.get_data()
        path = self.folder / "coverage.json"
        recorded = json.loads(path.read_text()) if path.exists() else {"lines": {}, "seconds": {}, "failed": []}
        for measured in data.measured_files():
            of_file = recorded["lines"].setdefault(str(Path(measured).relative_to(ROOT)), {})
            for line, contexts in data.contexts_by_lineno(measured).items():
                of_file[str(line)] = sorted({*of_file.get(str(line), []), *contexts} - {""})
        recorded["seconds"] |= self.seconds
        recorded["failed"] = sorted({*recorded["failed"], *self.failed} - (set(self.seconds) - set(self.failed)))
        path.write_text(json.dumps(recorded))


def _hooks() -> None:
    """The hooks that need pytest's own marks, added here: only the recording process imports pytest."""
    import pytest

    def setup(self: Recorder, item: object) -> Iterator[None]:
        yield from self._during(item.nodeid.split("::")[0])  # type: ignore[attr-defined]

    def call(self: Recorder, item: object) -> Iterator[None]:
        yield from self._during(item.nodeid)  # type: ignore[attr-defined]

    wrapper = pytest.hookimpl(wrapper=True, tryfirst=True)
    Recorder.pytest_runtest_setup = wrapper(setup)  # type: ignore[attr-defined]
    Recorder.pytest_runtest_call = wrapper(call)  # type: ignore[attr-defined]


def record(folder: Path, tests: list[str]) -> int:
    import pytest

    _hooks()
    arguments = ["-n", "0", "-m", "not slow", "-p", "no:cacheprovider", "-q", *tests]
    return int(pytest.main(arguments, plugins=[Recorder(folder)]))


def tests_of(mutant: Mutant, recorded: dict[str, dict]) -> list[str]:  # type: ignore[type-arg]
    """The quick tests that run the line, the quickest first; those of a whole module where its fixtures run it."""
    seconds = recorded["seconds"]
    contexts = recorded["lines"].get(mutant.file, {}).get(str(mutant.line))
    if not contexts:
        # Run while modules are imported (constants, defaults): all that run any line of the file.
        by_line = recorded["lines"].get(mutant.file, {})
        imported = str(mutant.line) in by_line
        contexts = sorted({name for names in by_line.values() for name in names}) if imported else []
    modules = {name for name in contexts if "::" not in name}
    found = {name for name in contexts if "::" in name}
    found |= {name for name in seconds if name.split("::")[0] in modules}
    return sorted(found - set(recorded["failed"]), key=lambda name: seconds.get(name, 0.0))


# --- Running them ----------------------------------------------------------------------------------------------------


def serve() -> None:
    """Runs pytest in a forked process for each line of arguments on standard input, and answers its exit status."""
    for name in LIBRARIES:
        __import__(name)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            os.setsid()
            output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0), os.dup2(output, 1), os.dup2(output, 2)
            import pytest

            status = 3
            try:
                status = int(pytest.main(request["arguments"]))
            finally:
                sys.stdout.flush()
                os._exit(status)
        deadline = time.monotonic() + request["seconds"]
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        # What a test started must not outlive it; the leader is not reaped yet, so its number is still its own.
        os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


class Worker:
    """A copy of the checkout, and the process that runs tests there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED), dirs_exist_ok=True, symlinks=True)
        # A mutant of the same size and second as the last would be taken for it.
        environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(folder / "tests/mutation/mutate.py"), "--serve"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, tests: list[str], seconds: float) -> int:
        """The exit status of pytest; negative if it was killed, because it took too long."""
        arguments = ["-x", "-n", "0", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
        request = {"arguments": arguments, "output": str(self.folder / "output.txt"), "seconds": seconds}
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def survives(self, mutant: Mutant, tests: list[str], seconds: float) -> bool:
        path = self.folder / mutant.file
        source = path.read_bytes()
        path.write_bytes(mutant.applied(source))
        try:
            status = self.run(tests, seconds)
            if status in (4, 5):
                # Some tests are named after what the package has, which the mutant changed.
                status = self.run(sorted({name.split("::")[0] for name in tests}), seconds)
        finally:
            path.write_bytes(source)
        return status == 0

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=200, help="how many mutants are drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keeps what was recorded and found, to go on from there")
    parser.add_argument("--files", nargs="+", help=f"paths below {PACKAGE}, in place of all targets")
    parser.add_argument("--again", action="store_true", help="only the survivors found in --folder")
    parser.add_argument(
        "--record", nargs="*", metavar="TESTS", help="only note, in --folder, which lines these run too"
    )
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
        return 0
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="mutation-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if given.record is not None:
        return record(folder, given.record)
    if not (folder / "coverage.json").exists():
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        command = [sys.executable, __file__, "--folder", str(folder), "--record"]
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode not in (0, 1):
            sys.exit("the quick tests cannot be collected, so that every mutant would count as killed")
    recorded = json.loads((folder / "coverage.json").read_text())
    if recorded["failed"]:
        print("these tests fail without a mutant and are left out:", *recorded["failed"], sep="\n  ")
    package = ROOT / PACKAGE
    files = given.files or [str(path.relative_to(package)) for target in TARGETS for path in package.glob(target)]
    sources = {
        f"{PACKAGE}/{name}": (package / name).read_bytes() for name in sorted(files) if not name.startswith(LEFT_OUT)
    }
    possible = [mutant for file, source in sources.items() for mutant in mutants_of(file, source)]
    results = folder / f"seed_{given.seed}.json"
    if given.again:
        # By the changed text: lines may have moved since.
        before = json.loads(results.read_text())
        drawn = [mutant for mutant in possible if _key(mutant, sources) in before]
    else:
        drawn = random.Random(given.seed).sample(possible, min(given.number, len(possible)))
    print(
        f"{len(drawn)} of {len(possible)} mutants in {len(sources)} files, seed {given.seed}, in {folder}", flush=True
    )

    workers: Queue[Worker] = Queue()
    for index in range(given.workers):
        workers.put(Worker(folder / f"worker_{index}"))

    def judge(mutant: Mutant) -> str:
        tests = tests_of(mutant, recorded)
        if not tests:
            return "not run"
        usual = sum(recorded["seconds"].get(name, 0.0) for name in tests)
        worker = workers.get()
        try:
            return "survived" if worker.survives(mutant, tests, 60 + 5 * usual) else "killed"
        finally:
            workers.put(worker)

    counts: dict[str, int] = {}
    survivors = []
    with ThreadPoolExecutor(given.workers) as pool:
        for number, (mutant, verdict) in enumerate(zip(drawn, pool.map(judge, drawn), strict=True), start=1):
            counts[verdict] = counts.get(verdict, 0) + 1
            print(f"{number:4d} {verdict:8s} {mutant.file}:{mutant.line} {mutant.what}", flush=True)
            print(mutant.diff(sources[mutant.file]), flush=True)
            if verdict != "killed":
                survivors.append(_key(mutant, sources))
                results.with_suffix(".new").write_text(json.dumps(survivors, indent=1))
    if survivors:
        results.with_suffix(".new").replace(results)
    while not workers.empty():
        workers.get().close()
    killed = counts.get("killed", 0)
    print(f"{len(drawn)} tried, {killed} killed ({killed / max(1, len(drawn)):.1%}), {counts}")
    return 0


def _key(mutant: Mutant, sources: dict[str, bytes]) -> str:
    return f"{mutant.file}:{mutant.diff(sources[mutant.file])}"


if __name__ == "__main__":
    sys.exit(main())
