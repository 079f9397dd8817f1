"""Which CUDA device is a job's own, on a machine with several.

Snakemake counts the jobs that use a GPU and leaves open which of them each takes. So a job locks one of the devices
that it sees, for as long as its process lives: the kernel frees the lock whichever way the process ends. Where there
are more jobs than devices, they share them about evenly. Under SLURM a job sees only the devices that it was given.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from functools import cache
from pathlib import Path

from infoplane.errors import InfoplaneError


def use_one() -> None:
    """Make one of the CUDA devices the current one of this thread. Raises InfoplaneError as `claim` does."""
    import torch

    if (count := torch.cuda.device_count()) > 1:
        # Names that mean the same device in every job, whichever of them each job sees.
        names = (getattr(torch.cuda.get_device_properties(index), "uuid", index) for index in range(count))
        folder = Path(tempfile.gettempdir(), f"infoplane-devices-{os.getuid()}")
        torch.cuda.set_device(claim(tuple(map(str, names)), folder))


@cache
def claim(devices: tuple[str, ...], folder: Path) -> int:
    """The place in `devices`, by their names, of the one that this process has from now on until it ends.

    Each device can be locked any number of times, and a process takes the first lock that is free, in which all first
    locks come before all second ones. Raises InfoplaneError if the locks in `folder` cannot be made.
    """
    import fcntl

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for sharing in itertools.count():
            for place, device in enumerate(devices):
                file = os.open(folder / f"{device}.{sharing}.lock", os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(file)
                else:
                    return place  # the file stays open, and with it the lock
    except OSError as error:
        raise InfoplaneError(
            f"{folder}: the locks that give each job a GPU of its own cannot be made here ({error.strerror}); set "
            "TMPDIR to a folder of yours on this machine"
        ) from error
    raise AssertionError("itertools.count ends")
