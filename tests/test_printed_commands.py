"""Every command that README.md and docs/ print is run by .ci/run, or stands in a table with the reason why not."""

import re

from .printed_commands import COMMANDS, ROOT, SMALL, commands, documents, programs


def test_commands_are_found_in_blocks_and_in_sentences():
    text = (
        "Run `snakemake -n`, not `seeds: 3`.\n\n```sh\nmake it # so\n# a comment\n\nmake 'that'   # too\n```\n\n"
        "| a | `tests/slurm/run` says | `pip install x` |\n\n```python\nimport this\n```\n\n```\nno command\n```\n"
        "The function `python_thing` and `snakemake`.\n"
    )
    assert commands(text) == ["make it", "make 'that'", "snakemake -n", "tests/slurm/run", "pip install x"]
    assert programs(text) == ["import this\n"]


def test_every_printed_command_is_tried_or_left_out_for_a_reason():
    printed = {command for path in documents(ROOT) for command in commands(path.read_text())}
    assert sorted(printed - COMMANDS.keys()) == [], "tests/printed_commands.py must say how these are tried"
    assert sorted(COMMANDS.keys() - printed) == [], "nobody prints these any more"
    # The first makes the environment of the others.
    assert next(iter(COMMANDS)).startswith("python3 -m venv .venv")


def test_the_small_study_is_that_of_the_preset():
    preset = (ROOT / "workflow/presets/smoke.yaml").read_text()
    for line in SMALL:
        assert len(re.findall(f"^{re.escape(line)}$", preset, re.MULTILINE)) == 1, line


def test_the_pipeline_of_tests_runs_them():
    assert "tests/printed_commands.py" in (ROOT / ".ci/run").read_text()
