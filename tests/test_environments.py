"""Versions stand in one place: envs/constraints.txt."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"pytorch": "torch"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def constraints() -> dict[str, str]:
    lines = [line for line in (ROOT / "envs/constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line) for line in lines), "plain name==version lines"
    return {canonical(name): version for name, version in (line.split("==") for line in lines)}


def test_every_dependency_is_pinned_within_its_bounds(constraints):
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in [Requirement(text) for group in groups for text in group]:
        pinned = constraints[canonical(requirement.name)]
        assert requirement.specifier.contains(pinned), f"{requirement} against {pinned}"
    assert constraints["torch"] == "2.13.0"


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_environments_have_the_pinned_versions(path, constraints):
    names = []
    for entry in yaml.safe_load(path.read_text())["dependencies"]:
        name, version = entry.split("=")
        if name != "python":
            assert version == constraints[canonical(CONDA_NAMES.get(name, name))], entry
            names.append(name)
    assert len(names) > 3


def test_every_environment_is_used_by_a_rule_and_every_rule_has_one():
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    # What has a `run:` runs within Snakemake itself.
    rules = [rule for rule in re.split(r"^(?=rule \w+:)", text, flags=re.M)[1:] if "\n    run:\n" not in rule]
    used = [re.findall(r"envs/(\w+)\.yaml", rule) for rule in rules]
    assert {name for names in used for name in names} == {path.stem for path in (ROOT / "envs").glob("*.yaml")}
    assert all(len(names) == 1 for names in used)
