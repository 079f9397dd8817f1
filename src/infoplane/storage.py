"""The layout of every file of the pipeline, and the only code that opens one.

weights     HDF5: seeds (seed,), epochs (epoch,), parameters/layer<n>/<name> (seed, epoch, ...), history/<name>
            (seed, epoch), layer_statistics/<name> (seed, epoch, layer), diverged_epoch (seed,)
activations HDF5: seeds, epochs, diverged_epoch, layer<n>/activity (seed, epoch, sample, unit) float32 with one chunk
            for each (seed, epoch), and layer<n>/minimum and layer<n>/maximum (seed, epoch) over its samples and units
tables      Parquet or CSV, one row per observation

Layers count from 1 and the softmax output is the last. Every HDF5 file and Parquet table carries its provenance as
JSON text; a CSV table has it in a file of the same name with the ending .provenance.json. Every file is written
under a temporary name and renamed, so that a file that is there is whole; HDF5 data carry checksums.
"""

from __future__ import annotations

import glob
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from infoplane.errors import InfoplaneError

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name in the folder of `path`; renamed to `path` if all goes well, else removed.

    The name is this process's own, so that a second copy of a job does no harm. What a killed process of this
    machine left behind is removed. Raises InfoplaneError if the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InfoplaneError(f"{error.filename}: this folder cannot be made ({error.strerror})") from error
    start = f".{path.stem}.{socket.gethostname()}."
    for abandoned in path.parent.glob(f"{glob.escape(start)}*.tmp{path.suffix}"):
        if not _is_running(abandoned.name.removeprefix(start).split(".")[0]):
            abandoned.unlink(missing_ok=True)
    temporary = path.with_name(f"{start}{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise InfoplaneError(f"{path}: this file cannot be written ({reason}); nothing finished is lost") from error
    finally:
        temporary.unlink(missing_ok=True)


def _is_running(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except ValueError:
        return True  # not a name of ours: leave it alone
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's process
    return True


@contextmanager
def create(path: Path, kind: str, provenance: Mapping[str, Any]) -> Iterator[h5py.File]:
    """A new HDF5 file of a kind ("weights" or "activations") that appears under its name when it is whole."""
    with replacing(path) as temporary, h5py.File(temporary, "w", libver="v110") as file:
        file.attrs["kind"] = f"infoplane {kind}"
        file.attrs["format"] = FORMAT
        file.attrs["provenance"] = json.dumps(provenance, sort_keys=True)
        yield file


@contextmanager
def open_checked(path: Path, kind: str) -> Iterator[h5py.File]:
    """An HDF5 file of a kind, to read. Raises InfoplaneError if it is missing, damaged or of another kind."""
    if not path.is_file():
        raise InfoplaneError(f"{path}: there is no such file; it must be a file of {kind} that infoplane wrote")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InfoplaneError(
            f"{path}: this is not a whole HDF5 file (truncated, damaged or something else); remove it to have it made "
            "again"
        ) from error
    try:
        with file:
            found = file.attrs.get("kind", "nothing")
            if found != f"infoplane {kind}":
                raise InfoplaneError(f"{path}: this file holds {found!r}; it must hold 'infoplane {kind}'")
            if file.attrs.get("format") != FORMAT:
                raise InfoplaneError(
                    f"{path}: this file has the format {file.attrs.get('format')}; this version reads {FORMAT}"
                )
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        # What h5py raises for a checksum that does not match, or for a data set that is not there.
        raise InfoplaneError(f"{path}: this file is damaged ({error}); remove it to have it made again") from error


def read_provenance(file: h5py.File) -> dict[str, Any]:
    """The provenance of an open HDF5 file."""
    found: dict[str, Any] = json.loads(file.attrs["provenance"])
    return found


def layers(group: h5py.Group) -> list[str]:
    """The names layer1, layer2, ... of a group, in the order of the layers."""
    return [f"layer{index}" for index in range(1, 1 + sum(name.startswith("layer") for name in group))]


def write_table(table: pd.DataFrame, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write a table as Parquet or CSV, by the ending of the path, with its provenance."""
    text = json.dumps(provenance, sort_keys=True, indent=None if path.suffix == ".parquet" else 2)
    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            content = pa.Table.from_pandas(table, preserve_index=False)
            pq.write_table(
                content.replace_schema_metadata({**(content.schema.metadata or {}), b"infoplane": text}), temporary
            )
        else:
            table.to_csv(temporary, index=False)
    if path.suffix != ".parquet":
        with replacing(path.with_suffix(".provenance.json")) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")


@contextmanager
def _reading_table(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise InfoplaneError(f"{path}: there is no such file; it must be a table that infoplane wrote") from None
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise InfoplaneError(
            f"{path}: this is not a whole table that infoplane wrote; remove it to have it made again"
        ) from error


def read_table(path: Path) -> pd.DataFrame:
    """A table that `write_table` wrote. Raises InfoplaneError if it is missing or damaged."""
    import pandas as pd

    with _reading_table(path):
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def read_distinct(path: Path, column: str) -> list[str]:
    """The distinct values of a column of text in a Parquet table, in order. Raises InfoplaneError as `read_table`."""
    with _reading_table(path):
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        found: list[str] = pc.unique(pq.read_table(path, columns=[column])[column]).to_pylist()
    return found


def read_rows(path: Path, column: str, value: str) -> pd.DataFrame:
    """The rows of a Parquet table with this value, in little memory. Raises InfoplaneError as `read_table`."""
    with _reading_table(path):
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        # Batch by batch: a filter of pandas' reads ahead, and takes twice the memory.
        with pq.ParquetFile(path) as file:
            batches = [
                batch.filter(pc.equal(batch[column], value))
                for batch in file.iter_batches(batch_size=100_000, use_threads=False)
            ]
            table: pd.DataFrame = pa.Table.from_batches(batches, file.schema_arrow).to_pandas()
    return table


def read_table_provenance(path: Path) -> dict[str, Any]:
    """The provenance of a table that `write_table` wrote. Raises InfoplaneError as `read_table` does."""
    found: dict[str, Any]
    with _reading_table(path):
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            found = json.loads((pq.read_schema(path).metadata or {})[b"infoplane"])
        else:
            found = json.loads(path.with_suffix(".provenance.json").read_text(encoding="utf-8"))
    return found
