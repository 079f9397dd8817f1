"""Which blocks a run has, whatever is finished."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infoplane import configuration
from infoplane.errors import InfoplaneError
from infoplane.files import storage
from infoplane.settings import Block, RunSettings
from infoplane.workflow import blocks

ROOT = Path(__file__).parents[1]


def names(chosen: list[Block]) -> list[str]:
    return [str(block).removeprefix("seeds_") for block in chosen]


def parsed(text: str) -> list[Block]:
    return [Block.parse(f"seeds_{name}") for name in text.split()]


@pytest.mark.parametrize(
    ("seeds", "seeds_per_job", "finished", "chosen"),
    [
        (10, 10, "", "0-9"),
        (10, 4, "", "0-3 4-7 8-9"),
        (1, 10, "", "0-0"),
        (3, 1, "", "0-0 1-1 2-2"),
        # fewer seeds: the last block is used as it is
        (15, 10, "0-9 10-19", "0-9 10-19"),
        (9, 10, "0-9 10-19", "0-9"),
        # more seeds
        (20, 10, "0-9 10-14", "0-9 10-14 15-19"),
        (25, 10, "0-9 10-14", "0-9 10-14 15-19 20-24"),
        # others per job
        (20, 5, "0-9 10-19", "0-9 10-19"),
        (20, 20, "0-9 10-19", "0-9 10-19"),
        (30, 20, "0-9 10-19", "0-9 10-19 20-29"),
        # an interrupted study
        (20, 10, "5-9", "0-4 5-9 10-19"),
        (20, 10, "3-4 12-30", "0-2 3-4 5-9 10-11 12-30"),
        # of several that begin together the longest; one that begins within another cannot be used
        (20, 10, "0-4 0-9 10-12 10-11", "0-9 10-12 13-19"),
        (20, 10, "0-9 5-14", "0-9 10-19"),
        (10, 10, "10-19", "0-9"),
    ],
)
def test_blocks_are_chosen_around_those_that_are_finished(seeds, seeds_per_job, finished, chosen):
    assert names(blocks.choose(seeds, seeds_per_job, parsed(finished))) == chosen.split()


STUDIES = st.tuples(st.integers(1, 40), st.integers(1, 15))
FINISHED = st.lists(st.builds(lambda first, more: Block(first, first + more), st.integers(0, 40), st.integers(0, 20)))


@given(study=STUDIES, finished=FINISHED, data=st.data())
def test_what_a_run_makes_does_not_change_the_blocks(study, finished, data):
    """Whichever of the chosen blocks are finished, in whatever order: read again, they are the same."""
    chosen = blocks.choose(*study, finished)
    made = data.draw(st.lists(st.sampled_from(chosen), unique=True))
    assert blocks.choose(*study, [*finished, *made]) == chosen


@given(study=STUDIES, finished=FINISHED)
def test_every_seed_is_in_one_block_and_new_blocks_are_no_larger_than_asked_for(study, finished):
    seeds, seeds_per_job = study
    chosen = blocks.choose(seeds, seeds_per_job, finished)
    assert [seed for block in chosen for seed in block.seeds][:seeds] == list(range(seeds))
    assert chosen[-1].first < seeds
    for block in set(chosen) - set(finished):
        assert len(block.seeds) <= seeds_per_job
        assert block.last < seeds


@given(study=STUDIES, more=st.integers(0, 30), fewer=st.integers(0, 39))
def test_what_is_finished_is_never_trained_again(study, more, fewer):
    seeds, seeds_per_job = study
    finished = blocks.choose(seeds, seeds_per_job)
    assert set(blocks.choose(max(seeds - fewer, 1), seeds_per_job, finished)) <= set(finished)
    grown = blocks.choose(seeds + more, seeds_per_job, finished)
    assert set(finished) <= set(grown)


@pytest.fixture(scope="module")
def settings() -> RunSettings:
    config = yaml.safe_load((ROOT / "workflow/presets/smoke.yaml").read_text())
    return configuration.load(config).runs["tanh"]


def finish(folder: Path, name: str, text: str, seeds: range | None = None) -> None:
    held = np.array(Block.parse(f"seeds_{name}").seeds if seeds is None else seeds)
    with storage.create(folder / f"seeds_{name}.h5", "weights", {"settings": text}) as file:
        for array, values in (
            ("seeds", held),
            ("epochs", [0]),
            ("diverged_epoch", np.full_like(held, -1)),
            ("parameters/layer1/weights", np.ones((len(held), 1, 1, 1))),
            ("parameters/layer1/biases", np.ones((len(held), 1, 1))),
        ):
            storage.write_array(file, array, values)


def test_finished_blocks_are_whole_files_of_the_same_settings_and_seeds(tmp_path, settings):
    text = settings.to_json()

    def chosen() -> list[str]:
        return names(blocks.choose_in(tmp_path / "tanh", settings, 15, 10))

    assert chosen() == ["0-9", "10-14"]
    finish(tmp_path / "tanh", "10-19", text)
    assert chosen() == ["0-9", "10-19"]
    finish(tmp_path / "tanh", "0-4", "other settings")
    finish(tmp_path / "tanh", "0-5", text, seeds=range(1, 7))
    (tmp_path / "tanh/seeds_0-6.h5").write_text("damaged")
    for name in ("seeds_0-07", "seeds_8-0", "seeds_0-", ".seeds_0-8.host.7.tmp"):
        finish(tmp_path, "0-8", text)
        (tmp_path / "seeds_0-8.h5").rename(tmp_path / f"tanh/{name}.h5")
    assert chosen() == ["0-9", "10-19"]
    finish(tmp_path / "tanh", "0-3", text)
    assert chosen() == ["0-3", "4-9", "10-19"]


def test_files_that_fit_the_grid_are_not_even_opened(tmp_path, settings):
    for name in ("0-9", "10-14", "20-29"):
        (tmp_path / f"seeds_{name}.h5").write_text("nothing that could be read")
    assert names(blocks.choose_in(tmp_path, settings, 15, 10)) == ["0-9", "10-14"]


@pytest.mark.parametrize("name", ["seeds_0-9", "seeds_7-7", "seeds_90-123"])
def test_names_of_blocks(name):
    assert str(Block.parse(name)) == name


@pytest.mark.parametrize(
    "name",
    [
        "seeds_9-0",
        "seeds_00-9",
        "seeds_0-09",
        "0-9",
        "seeds_0",
        "seeds_0-9\n",
        "seeds_-1-3",
        "seeds_٣-٤",
        "seeds_0-1e3",
    ],
)
def test_names_that_are_no_blocks(name):
    with pytest.raises(InfoplaneError, match="is not a block of seeds; it must look like seeds_0-9"):
        Block.parse(name)
