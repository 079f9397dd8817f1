"""Seeds shared out among threads, each of which computes alone.

A library that splits one operation among threads may round differently for each number of threads. So torch gets
one thread, and the seeds are split into shards that run beside each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

# More seeds at once fall out of the second-level cache, fewer pay more for calls.
SHARD_SEEDS = 17

Item = TypeVar("Item")
Result = TypeVar("Result")


def lanes(seeds: int, threads: int, device: torch.device) -> list[list[slice]]:
    """Shards, as slices over the seeds, in one list per thread; on a GPU all seeds are one shard.

    A thread computes its shards one after the other, so that they can share their buffers.
    """
    if device.type != "cpu":
        return [[slice(0, seeds)]]
    threads = min(threads, seeds)
    bounds = [seeds * thread // threads for thread in range(threads + 1)]
    return [_shards(low, high) for low, high in itertools.pairwise(bounds)]


def _shards(low: int, high: int) -> list[slice]:
    count = -(-(high - low) // SHARD_SEEDS)
    bounds = [low + (high - low) * shard // count for shard in range(count + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(bounds)]


@contextmanager
def one_thread_each(threads: int) -> Iterator[Callable[[Callable[[Item], Result], Sequence[Item]], list[Result]]]:
    """Gives a function like `map` that runs on `threads` threads, in each of which torch has one thread.

    Torch's own number of threads is as before afterwards.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if threads == 1:
            yield lambda function, items: [function(item) for item in items]
            return
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield lambda function, items: list(pool.map(function, items))
    finally:
        torch.set_num_threads(before)
