"""Fixtures: a cluster for all tests, and a study that runs on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..conftest import Checkout
from .cluster import NODES, Cluster, missing
from .study import Study


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A SLURM of this session's own."""
    lacking = missing()
    if lacking:
        pytest.skip(f"this machine lacks {', '.join(lacking)} of SLURM and munge")
    with Cluster() as running:
        yield running


@pytest.fixture
def study(checkout: Checkout, cluster: Cluster) -> Iterator[Callable[..., Study]]:
    """Makes a study; ends its Snakemake and its jobs after the test."""
    made: list[Study] = []

    def make(configuration: dict[str, Any], *targets: str) -> Study:
        made.append(Study(checkout, cluster, configuration, *targets))
        return made[-1]

    yield make
    for each in made:
        each.kill()
    cluster.unwrap()
    if "slurmctld" not in cluster.processes:
        cluster.start_controller()
    for node in NODES:
        if node not in cluster.processes:
            cluster.start_node(node)
    cluster.client("scancel", "--user", cluster.user)
    cluster.wait_for_nodes()
