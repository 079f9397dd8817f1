"""The digest of a stage's code: it changes with an edit that the stage can see, and with nothing else."""

import re
import shutil
from pathlib import Path

import pytest

from infoplane.code import digest

SOURCE = Path(__file__).parents[1] / "src"

# What the rules ask for: the stage's function, and what is found by name at run time.
STAGES = {
    "train": (["stages.train:train", "datasets.szt:load"], ["tanh"]),
    "activations": (["stages.activations:activations", "datasets.szt:load"], ["tanh"]),
    "ebab": (["stages.information:information", "datasets.szt:load", "estimators.ebab:METHOD"], ["tanh"]),
    "kde": (["stages.information:information", "datasets.szt:load", "estimators.kde:METHOD"], ["tanh"]),
    "tables": (["stages.tables:collect"], []),
    "statistics": (["stages.statistics:compression"], []),
    "correlation": (["stages.statistics:correlation"], []),
    "figure": (["stages.figures:figure", "figures.learning_curves:draw"], []),
}


def digests(source: Path) -> dict[str, str]:
    return {
        stage: digest([f"infoplane.{root}" for root in roots], source=source, entries=entries)
        for stage, (roots, entries) in STAGES.items()
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


EVERYTHING = set(STAGES)


@pytest.mark.parametrize(
    ("module", "pattern", "replacement", "stages"),
    [
        ("estimators/ebab.py", r"^def _adaptive_bins\(.*?\n    \"\"\"", r'\g<0>', set()),
        ("estimators/ebab.py", r"^METHOD = ", "METHOD = 1 and ", {"ebab"}),
        ("estimators/kde.py", r"return estimates\(", "return 1 and estimates(", {"kde"}),
        ("estimators/pairwise.py", r"^def pairwise_bounds\((.*?)\n    \"\"\"(.*?)\"\"\"\n",
         r'\g<0>    print("edited")\n', {"kde"}),
        ("estimators/reference.py", r"\Z", "\ndef unused():\n    return 1\n", set()),
        ("stages/train.py", r"Progress\(f\"train", 'Progress(f"Train', {"train"}),
        ("stages/information.py", r"^_SLAB_BYTES = 64", "_SLAB_BYTES = 32", {"ebab", "kde"}),
        ("stages/tables.py", r"for path in tables\]", "for path in tables[1:]]", {"tables"}),
        ("datasets/szt.py", r"o >= 430\)", "o >= 431)", {"train", "activations", "ebab", "kde"}),
        ("datasets/digits.py", r"/ 16", "/ 17", set()),
        ("training/optimisers.py", r"\Z", "\ndef unused():\n    return 1\n", set()),
        ("figures/style.py", r"^GRID = .*?$", 'GRID = "#123456"', {"figure"}),
        ("figures/information_plane.py", r"^TITLE = .*?$", 'TITLE = "Plane"', set()),
        ("storage.py", r"^FORMAT = \d+", "FORMAT = 99", {"train", "activations", "ebab", "kde"}),
        ("__init__.py", r"__version__ = .*?$", '__version__ = "9.9"', set()),
        ("configuration.py", r"^def read_yaml", "def read_yaml2", set()),
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
        '_ENTRIES = (\n    ActivationFunction("new", "new", _tanh),\n',
    )
    after = digests(source)
    assert {stage for stage in STAGES if after[stage] != before[stage]} == {"figure"}


def test_the_entry_of_the_runs_own_activation_function_counts(source, before):
    edit(source, "activation_functions.py", r'"tanh",\n        "tanh",', '"tanh",\n        "Tanh",')
    after = digests(source)
    assert {stage for stage in STAGES if after[stage] != before[stage]} >= {"train", "activations", "ebab", "kde"}


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
