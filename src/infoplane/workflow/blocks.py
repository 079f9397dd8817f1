"""The blocks of seeds of a run: a regular grid, but for blocks that are finished already.

Snakemake knows a finished block by the name of its file. So that a study with more or fewer seeds, or with others per
job, trains nothing twice, its blocks are chosen around those that are there: from seed 0 on, the longest finished
block that begins at the next seed, else a new one. It ends with the next multiple of `seeds_per_job`, before the next
finished block, or with the last seed of the study; a finished block may go on beyond that, and the tables then leave
its other seeds out.

Jobs on a cluster read the workflow anew while the run that they belong to makes files, and must find the same blocks.
They do: a run makes only chosen blocks. Where one was chosen because it was finished, it is still the longest; where
none was finished, the new one is then the only one, and ends before any later block begins.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

from infoplane.errors import InfoplaneError
from infoplane.files import storage
from infoplane.settings import Block, RunSettings


def choose(seeds: int, seeds_per_job: int, finished: Iterable[Block] = ()) -> list[Block]:
    """The blocks, ascending, that hold the seeds 0 to `seeds` - 1 and begin and end where `finished` ones do."""
    longest: dict[int, Block] = {}
    for block in finished:
        if block.last >= longest.get(block.first, block).last:
            longest[block.first] = block
    starts = sorted(longest)
    chosen: list[Block] = []
    first = 0
    while first < seeds:
        later = bisect_right(starts, first)
        next_start = starts[later] if later < len(starts) else seeds
        end = min((first // seeds_per_job + 1) * seeds_per_job, next_start, seeds)
        chosen.append(longest.get(first, Block(first, end - 1)))
        first = chosen[-1].last + 1
    return chosen


def choose_in(folder: Path, settings: RunSettings, seeds: int, seeds_per_job: int) -> list[Block]:
    """The blocks of a run whose weights files are in `folder`; those of other settings do not count as finished."""
    regular = choose(seeds, seeds_per_job)
    found = [block for block in _named(folder) if block.first < seeds]
    # The usual case, in which no file need be opened: finished or not, blocks of the grid do not change it.
    if set(found) <= set(regular):
        return regular
    return choose(seeds, seeds_per_job, [block for block in found if _is_finished(folder, block, settings)])


def _named(folder: Path) -> list[Block]:
    blocks = []
    for path in sorted(folder.glob("*.h5")):
        try:
            blocks.append(Block.parse(path.stem))
        except InfoplaneError:
            continue
    return blocks


def _is_finished(folder: Path, block: Block, settings: RunSettings) -> bool:
    try:
        with storage.open_weights(folder / f"{block}.h5") as file:
            same_seeds: bool = file["seeds"][:].tolist() == list(block.seeds)
            return same_seeds and storage.read_provenance(file)["settings"] == settings.to_json()
    except InfoplaneError:
        return False
