"""The state of an unfinished training on disk: a plain .npz file, replaced atomically, no pickle."""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from infoplane.settings import RunSettings

FORMAT = 2


def identity(settings: RunSettings, seeds: Sequence[int], data: Sequence[NDArray[Any]], device: torch.device) -> str:
    """Text that is equal only where a checkpoint may be resumed with the same bits as without interruption."""
    digest = hashlib.sha256()
    for array in data:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    versions = f"format {FORMAT}, torch {torch.__version__}, numpy {np.__version__}"
    return f"{settings.to_json()} seeds {list(map(int, seeds))} data {digest.hexdigest()} {versions} on {device.type}"


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.unfinished")


def write_checkpoint(path: Path, identity_text: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes the arrays under another name beside `path`, then renames it: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _unfinished(path).open("wb") as file:
        np.savez(file, allow_pickle=False, identity=np.array(identity_text), **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(_unfinished(path), path)


def remove_checkpoint(path: Path) -> None:
    """Removes the checkpoint and what a killed process may have left of one."""
    path.unlink(missing_ok=True)
    _unfinished(path).unlink(missing_ok=True)


def read_checkpoint(path: Path, identity_text: str) -> dict[str, NDArray[Any]] | None:
    """The arrays of a checkpoint, or None where there is none for this identity.

    A damaged file is ignored with a warning: training then starts anew, which costs time but nothing else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["identity"]) != identity_text:
                return None
            return {name: file[name] for name in file.files if name != "identity"}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        warnings.warn(f"the checkpoint {path} is damaged ({error}) and is ignored: training starts anew", stacklevel=2)
        return None
