"""Snakemake with a fixed interval between its looks at the scheduler: launch.py <seconds> <arguments of snakemake>.

The plugin's interval grows by 10 s with every look at which no job has ended, which short jobs would wait for.
"""

import asyncio
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

seconds = float(sys.argv.pop(1))


async def sleep(_: RemoteExecutor) -> None:
    await asyncio.sleep(seconds)


RemoteExecutor.sleep = sleep  # type: ignore[method-assign]
main()
