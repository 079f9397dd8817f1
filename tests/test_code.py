"""The digest of a stage's code: it changes with an edit that the stage can see, and with nothing else."""

import re
import shutil
from pathlib import Path

import pytest

from infoplane import stages
from infoplane.claims import CLAIMS
from infoplane.statistics import TABLES
from infoplane.workflow.code import digest

SOURCE = Path(__file__).parents[1] / "src"

# What the rules ask for: a command, what it finds by name at run time, and the run's activation functions.
STAGES = {
    "train": ("train", ["datasets.szt:load"], ["tanh"]),
    "activations": ("activations", ["datasets.szt:load"], ["tanh"]),
    "ebab": ("information", ["estimators.methods.ebab:METHOD"], []),
    "kde": ("information", ["estimators.methods.kde:METHOD"], []),
    "tables": ("collect", [], []),
    "figure": ("figure", ["figures.learning_curves:draw"], []),
    **{name: ("table", [f"statistics.tables.{name}:{name}"], []) for name in TABLES},
    **{
        name: (name, [f"{claim.module}:{part}" for claim in CLAIMS.values() for part in ("parts", "STATEMENT")], [])
        for name in ("claims", "sensitivity")
    },
    "overview": ("overview", [], []),
    "claims-page": ("claims-page", [], []),
}
NUMBERS = {"train", "activations", "ebab", "kde"}


def digests(source: Path) -> dict[str, str]:
    return {
        stage: digest(
            ["infoplane.cli:main", stages.commands()[command], *(f"infoplane.{root}" for root in roots)],
            source=source,
            entries=entries,
        )
        for stage, (command, roots, entries) in STAGES.items()
    }


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return digests(SOURCE)


@pytest.fixture
def source(tmp_path) -> Path:
    shutil.copytree(SOURCE / "infoplane", tmp_path / "infoplane", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def edit(source: Path, module: str, pattern: str, replacement: str) -> None:
    path = source / "infoplane" / module
    text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.M | re.S)
    assert count == 1, f"{pattern} in {module}"
    path.write_text(text)


@pytest.mark.parametrize(
    ("module", "pattern", "replacement", "stages"),
    [
        ("estimators/methods/ebab.py", r"^def _adaptive_bins\(.*?\n    \"\"\"", r'\g<0>', set()),
        ("estimators/methods/ebab.py", r"^METHOD = ", "METHOD = 1 and ", {"ebab"}),
        ("estimators/methods/kde.py", r"return estimates\(", "return 1 and estimates(", {"kde"}),
        ("estimators/pairwise.py", r"^def pairwise_bounds\((.*?)\n    \"\"\"(.*?)\"\"\"\n",
         r'\g<0>    print("edited")\n', {"kde"}),
        ("estimators/reference.py", r"\Z", "\ndef unused():\n    return 1\n", set()),
        ("stages/train.py", r"= train_block\(", "= 1 and train_block(", {"train"}),
        ("activity/recording.py", r"^_SLAB_BYTES = 64", "_SLAB_BYTES = 32", {"activations", "ebab", "kde"}),
        ("stages/tables.py", r"for path in tables\]", "for path in tables[1:]]", {"tables"}),
        ("datasets/szt.py", r"o >= 430\)", "o >= 431)", {"train", "activations"}),
        ("datasets/digits.py", r"/ 16", "/ 17", set()),
        ("training/optimisers.py", r"\Z", "\ndef unused():\n    return 1\n", set()),
        ("presentation/style.py", r"^GRID = .*?$", 'GRID = "#123456"', {"figure"}),
        ("figures/information_plane.py", r"^TITLE = .*?$", 'TITLE = "Plane"', set()),
        ("files/storage.py", r"^FORMAT = \d+", "FORMAT = 99", {"train", "activations", "ebab", "kde"}),
        ("__init__.py", r"__version__ = .*?$", '__version__ = "9.9"', set()),
        ("configuration/reading.py", r"^def read_yaml", "def read_yaml2", set()),
        ("cli.py", r"\Z", "\nx = 1\n", set()),
    ],
)  # fmt: skip
def test_an_edit_changes_the_stages_that_use_it(source, before, module, pattern, replacement, stages):
    edit(source, module, pattern, replacement)
    after = digests(source)
    assert {stage for stage in STAGES if after[stage] != before[stage]} == stages


def test_comments_docstrings_and_formatting_change_nothing(source, before):
    for path in (source / "infoplane").rglob("*.py"):
        text = re.sub(r"^(\s*)(return .*)$", r"\1# why\n\1\2", path.read_text(), flags=re.M)
        text = re.sub(r'^    """(\w)', r'    """Truly \1', text, flags=re.M)
        path.write_text(text + "\n\n# the end\n")
    assert digests(source) == before


def test_a_new_or_another_activation_function_changes_no_stage_of_a_run_without_it(source, before):
    edit(source, "activation_functions.py", r'^    ActivationFunction\(\n        "relu".*?^    \),\n', "")
    edit(
        source,
        "activation_functions.py",
        r"^_ENTRIES = \(\n",
        '_ENTRIES = (\n    ActivationFunction("new", _tanh, label="new"),\n',
    )
    # Those that speak of it look its label up in the whole table.
    assert changed(source, before) == {"figure", "claims", "sensitivity", "overview"}


def test_the_entry_of_the_runs_own_activation_function_counts(source, before):
    edit(source, "activation_functions.py", r"function_range=\(-1.0, 1.0\)", "function_range=(-1.0, 2.0)")
    after = digests(source)
    assert {stage for stage in STAGES if after[stage] != before[stage]} >= {"train", "activations"}


def test_a_root_that_does_not_exist_is_an_error():
    with pytest.raises(KeyError, match=r"infoplane.stages.train defines no tarin"):
        digest(["infoplane.stages.train:tarin"], source=SOURCE)


@pytest.mark.parametrize(
    ("module", "pattern", "replacement", "changed"),
    [
        ("datasets/idx.py", r"np\.float32\(255\)", "np.float32(256)", {"mnist", "fashion_mnist"}),
        ("datasets/unpacking.py", r"^LARGEST = .*?$", "LARGEST = 7", {"mnist", "fashion_mnist"}),
        ("datasets/mnist.py", r'"f68b3c2', '"f68b3c3', {"mnist"}),
    ],
)
def test_functions_that_another_makes_are_followed(source, module, pattern, replacement, changed):
    def of_loaders(folder: Path) -> dict[str, str]:
        return {
            name: digest([f"infoplane.datasets.{name}:load"], source=folder)
            for name in ("mnist", "fashion_mnist", "szt")
        }

    unchanged = of_loaders(SOURCE)
    edit(source, module, pattern, replacement)
    after = of_loaders(source)
    assert {name for name in after if after[name] != unchanged[name]} == changed


def changed(source: Path, before: dict[str, str]) -> set[str]:
    after = digests(source)
    return {stage for stage in STAGES if after[stage] != before[stage]}


@pytest.mark.parametrize(
    ("module", "pattern", "replacement"),
    [
        ("training/block.py", r"inputs must be finite numbers; found", "inputs may not hold"),
        (
            "datasets/splitting.py",
            r"raise InfoplaneError\(.*?\n        \)\n",
            'raise InfoplaneError("no part may be empty")\n',
        ),
        ("stages/train.py", r'Progress\(f"train.*?, ', 'Progress("training", '),
        ("activation_functions.py", r'label="tanh"', 'label="Tanh"'),
        ("training/network.py", r"def snapshot\(self\) -> .*?:\n", "def snapshot(self) -> object:\n"),
        ("datasets/splitting.py", r"settings: Split", "settings: object"),
        ("runtime/progress.py", r"elapsed:\.1f", "elapsed:.2f"),
        ("files/provenance.py", r'"pandas"\)', '"pandas", "pyarrow")'),
        ("training/block.py", r"^import ", "# why\nimport "),
    ],
)
def test_words_labels_and_annotations_change_no_numbers(source, before, module, pattern, replacement):
    edit(source, module, pattern, replacement)
    assert changed(source, before) & NUMBERS == set()


def test_the_label_of_an_activation_function_is_for_pictures(source, before):
    edit(source, "activation_functions.py", r'label="tanh"', 'label="Tanh"')
    assert changed(source, before) >= {"figure", "overview"}


def test_the_name_of_a_local_variable_changes_nothing(source, before):
    path = source / "infoplane/stages/train.py"
    path.write_text(re.sub(r"\btraining_part\b", "first_part", path.read_text()))
    path = source / "infoplane/statistics/tables/compression.py"
    text, count = re.subn(r"\bends\b|\bmaxima\b|\bhighest\b|\bframe\b|\btable\b", r"renamed_\g<0>", path.read_text())
    assert count
    path.write_text(text)
    assert changed(source, before) & NUMBERS == set()


def test_a_file_that_is_moved_changes_nothing(source, before):
    folder = source / "infoplane"
    (folder / "training/optimisers.py").rename(folder / "training/descent.py")
    (folder / "statistics/inference/resampling.py").rename(folder / "drawing.py")
    for path in folder.rglob("*.py"):
        text = path.read_text().replace("infoplane.training.optimisers", "infoplane.training.descent")
        path.write_text(text.replace("infoplane.statistics.inference.resampling", "infoplane.drawing"))
    assert changed(source, before) == set()


def toy(folder: Path, **modules: str) -> str:
    """The digest of infoplane.toy:f, with the package made of these modules."""
    for name, text in modules.items():
        path = folder / "infoplane" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return digest(["infoplane.toy:f"], source=folder)


F = "def f():\n    return g()\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            {"toy": "from infoplane.a import g\nfrom infoplane.b import g as h\ndef f():\n    return g() + 2 * h()\n"},
            {"toy": "from infoplane.b import g\nfrom infoplane.a import g as h\ndef f():\n    return g() + 2 * h()\n"},
            id="a name that stands for another function",
        ),
        pytest.param(
            {"toy": f"from math import log as g\n{F}"}, {"toy": f"from math import log2 as g\n{F}"}, id="library"
        ),
        pytest.param(
            {"toy": "def f():\n    import math\n    return math.log(2)\n"},
            {"toy": "def f():\n    import numpy as math\n    return math.log(2)\n"},
            id="library in a function",
        ),
        pytest.param(
            {"toy": "def f():\n    x = 1\n    y = 2\n    return x - y\n"},
            {"toy": "def f():\n    x = 1\n    y = 2\n    return y - x\n"},
            id="local variables in each other's place",
        ),
        pytest.param(
            {"toy": f"from infoplane.a import g, S\n{F}"},
            {"toy": f"from infoplane.a import g, S\nS.update(x=1)\n{F}"},
            id="a statement beside the definitions",
        ),
        pytest.param(
            {"toy": f"try:\n    from infoplane.a import g\nexcept ImportError:\n    def g(): return 0\n{F}"},
            {"toy": f"try:\n    from infoplane.a import g\nexcept ImportError:\n    def g(): return 9\n{F}"},
            id="a definition within try",
        ),
        pytest.param(
            {"toy": f"if 1:\n    def g(): return 1\n{F}"}, {"toy": f"if 1:\n    def g(): return 2\n{F}"}, id="within if"
        ),
        pytest.param(
            {"toy": "from infoplane.pack import h\ndef f():\n    return h()\n", "pack__h": "def h(): return 1\n"},
            {"toy": "from infoplane.pack import h\ndef f():\n    return h()\n", "pack__h": "def h(): return 2\n"},
            id="a function that bears the name of its module",
        ),
        pytest.param(
            {"toy": "TABLE = (dict('tanh', 1), dict('b', 2))\ndef f():\n    return TABLE\n"},
            {"toy": "TABLE = (dict('tanh', 1), dict('b', 3))\ndef f():\n    return TABLE\n"},
            id="a tuple of calls",
        ),
        pytest.param(
            {"toy": "from infoplane import a\ndef f():\n    return vars(a)\n"},
            {"toy": "from infoplane import a\ndef f():\n    return vars(a)\n", "a": "def g(): return 5\nS = {}\n"},
            id="a module by itself",
        ),
        pytest.param(
            {"toy": "from infoplane.a import C\ndef f(c: C): return c.m()\n", "a": "class C:\n  def m(s): return 1\n"},
            {"toy": "from infoplane.a import C\ndef f(c: C): return c.m()\n", "a": "class C:\n  def m(s): return 2\n"},
            id="a method of an argument",
        ),
        pytest.param(
            {"toy": "class C:\n    x: int = 1\ndef f():\n    return C()\n"},
            {"toy": "class C:\n    x: str = 1\ndef f():\n    return C()\n"},
            id="a field of a class",
        ),
        pytest.param({"toy": f"def g(k=1): return k\n{F}"}, {"toy": f"def g(k=2): return k\n{F}"}, id="a default"),
    ],
)  # fmt: skip
def test_what_may_change_a_number_counts(tmp_path, one, other):
    shared = {
        "__init__": "",
        "a": "S = {}\ndef g(): return 1\n",
        "b": "def g(): return 2\n",
        "pack____init__": "from infoplane.pack.h import h\n",
    }
    assert toy(tmp_path / "one", **{**shared, **one}) != toy(tmp_path / "other", **{**shared, **other})


def test_functions_that_call_each_other_have_a_digest(tmp_path):
    texts = [f"def f(n): return n and g(n - {i})\ndef g(n): return f(n)\n" for i in (1, 2)]
    assert len({toy(tmp_path / str(i), __init__="", toy=text) for i, text in enumerate(texts)}) == 2
