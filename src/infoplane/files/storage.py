"""The layout of every file of the pipeline, and the only code that opens one.

weights     HDF5: seeds (seed,), epochs (epoch,), parameters/layer<n>/<name> (seed, epoch, ...), history/<name>
            (seed, epoch), layer_statistics/<name> (seed, epoch, layer), diverged_epoch (seed,)
recordings  HDF5: the activity of layers and what belongs to it; see `infoplane.activity.recording`
tables      Parquet or CSV, one row per observation; a large one is a folder of Parquet files, its parts, which all
            have its columns and are in order of their names

Layers count from 1 and the softmax output is the last. Every HDF5 file and Parquet table carries its provenance as
JSON text; a CSV table has it in a file of the same name with the ending .provenance.json. Every file is written
under a temporary name and renamed, so that a file that is there is whole. Data carry checksums: HDF5's and Parquet's
own, and digests of what these leave out. A damaged file is refused, with a sentence that names it.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import io
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from infoplane.errors import InfoplaneError
from infoplane.files import hdf5

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import ArrayLike

    Reader = Callable[[Path], pd.DataFrame]
    Provenance = Callable[[Sequence[Path]], Mapping[str, Any]]

FORMAT = 2
WEIGHTS = hdf5.Layout(
    "weights",
    {
        "seeds": ("seed",),
        "epochs": ("epoch",),
        "diverged_epoch": ("seed",),
        "parameters/layer#/weights": ("seed", "epoch", "unit of layer #", "input of layer #"),
        "parameters/layer#/biases": ("seed", "epoch", "unit of layer #"),
    },
    {
        "parameters/layer#/*": ("seed", "epoch", "unit of layer #"),
        "history/*": ("seed", "epoch"),
        "layer_statistics/*": ("seed", "epoch", "layer"),
    },
)
# Beside the provenance of a CSV table: the SHA-256 of its rows.
_CSV_DIGEST = "table_sha256"
# Stands in a Parquet file where its digest will be, while that is computed.
_NO_DIGEST = 64 * "0"


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
    """A new HDF5 file of a kind ("weights" or "recording") that appears under its name when it is whole."""
    with replacing(path) as temporary, hdf5.written(temporary) as file:
        file.attrs["format"] = FORMAT
        # Text of a fixed length, beside its name: HDF5 has no checksum for text of any length, and may hang on it.
        file.attrs["kind"] = np.bytes_(f"infoplane {kind}")
        file.attrs["provenance"] = np.bytes_(json.dumps(provenance, sort_keys=True))
        yield file


def write_array(group: h5py.Group, name: str, values: ArrayLike) -> None:
    """Write an array as one chunk, with a checksum."""
    group.create_dataset(name, data=values, chunks=np.shape(values), fletcher32=True)


@contextmanager
def open_weights(path: Path) -> Iterator[h5py.File]:
    """A file of weights, to read. Raises InfoplaneError if it is missing, damaged or of another kind."""
    with open_hdf5(path, "file of weights that infoplane wrote") as file:
        check_sealed(file, path, WEIGHTS)
        yield file


@contextmanager
def open_hdf5(path: Path, what: str, *, mend: str = "remove it to have it made again") -> Iterator[h5py.File]:
    """An HDF5 file, to read; `what` says what it must be, `mend` what helps if it is damaged.

    Raises InfoplaneError if it is missing, is no HDF5 file, or turns out to be damaged where it is read.
    """
    if not path.is_file():
        raise InfoplaneError(f"{path}: there is no such file; it must be a {what}")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        locked = error.errno in (errno.EAGAIN, errno.EACCES) or "already open for write" in str(error)
        if locked and os.access(path, os.R_OK):
            raise InfoplaneError(
                f"{path}: another process is writing this file; try again when it has finished"
            ) from error
        if error.errno:  # whole or not, it cannot be read now
            raise InfoplaneError(f"{path}: this file cannot be read ({os.strerror(error.errno)})") from error
        raise InfoplaneError(
            f"{path}: this is not a whole HDF5 file (truncated, damaged or something else); {mend}"
        ) from error
    try:
        with file:
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        # What h5py raises for a checksum that does not match, or for a data set that is not there.
        raise InfoplaneError(f"{path}: this file is damaged ({error}); {mend}") from error


def check_sealed(file: h5py.File, path: Path, layout: hdf5.Layout) -> None:
    """Raise InfoplaneError unless `create` wrote this file, of this kind, and its layout is right."""
    found, version = text_attribute(file, "kind"), file.attrs.get("format")
    if version != FORMAT and isinstance(version, np.integer):
        raise InfoplaneError(f"{path}: this file has the format {version}; this version reads {FORMAT}")
    if found != f"infoplane {layout.kind}":
        raise InfoplaneError(f"{path}: this file holds {found or 'nothing'!r}; it must hold 'infoplane {layout.kind}'")
    try:
        hdf5.check(file, layout)
    except ValueError as error:
        raise InfoplaneError(
            f"{path}: this file is damaged or not of infoplane ({error}); remove it to have it made again"
        ) from error


def read_provenance(file: h5py.File) -> dict[str, Any]:
    """The provenance of an open HDF5 file. Raises InfoplaneError if it has none."""
    return _parsed_provenance(text_attribute(file, "provenance"), Path(file.filename))


def text_attribute(file: h5py.File, name: str) -> str | None:
    """An attribute that `create` wrote; None if there is none, or one of another type."""
    if name not in file.attrs or file.attrs.get_id(name).dtype.kind != "S":
        return None
    return bytes(file.attrs[name]).decode(errors="replace")


def _parsed_provenance(text: Any, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
        if isinstance(found, dict):
            return found
    except (ValueError, TypeError, RecursionError):
        pass
    raise InfoplaneError(f"{path}: this file does not say what it was made with; remove it to have it made again")


def layers(group: h5py.Group) -> list[str]:
    """The names layer1, layer2, ... of a group, in the order of the layers."""
    return [f"layer{index}" for index in range(1, 1 + sum(name.startswith("layer") for name in group))]


def write_table(table: pd.DataFrame, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write a table as Parquet or CSV, by the ending of the path, with its provenance."""
    if path.suffix == ".parquet":
        import pyarrow as pa

        _write_parquet(pa.Table.from_pandas(table, preserve_index=False), path, provenance)
        return
    rows = table.to_csv(index=False).encode()
    text = json.dumps({**provenance, _CSV_DIGEST: hashlib.sha256(rows).hexdigest()}, sort_keys=True, indent=2)
    for target, written in ((path, rows), (_provenance_path(path), f"{text}\n".encode())):
        with replacing(target) as temporary:
            temporary.write_bytes(written)


def _write_parquet(content: pa.Table, path: Path, provenance: Mapping[str, Any], **others: str) -> None:
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        with pq.ParquetWriter(temporary, content.schema) as writer:
            writer.write_table(content)
            text = json.dumps(provenance, sort_keys=True)
            writer.add_key_value_metadata({"infoplane": text, "infoplane_sha256": _NO_DIGEST, **others})
        _seal(temporary)


def write_parts(parts: Mapping[tuple[str, ...], Sequence[Path]], path: Path, read: Reader, made: Provenance) -> None:
    """Join Parquet tables into a table in parts: a folder, with a file for each key of `parts`, in their order.

    `read` gives the rows of a table that are kept; `made` takes the tables of a part and gives its
    provenance. What not all tables have as a column is empty in the others. Readers look into the parts that they need.
    """
    import pandas as pd
    import pyarrow as pa

    files = [file for of_part in parts.values() for file in of_part]
    columns: dict[str, pa.Field] = {}
    for file in files:
        with _parquet(file, whole=False) as (opened, _):
            columns |= {field.name: field for field in opened.schema_arrow if field.name not in columns}
    schema = pa.schema(list(columns.values()))
    temporary = path.with_name(f".{path.stem}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        for number, (key, of_part) in enumerate(parts.items()):
            rows = pd.concat([read(file) for file in of_part], ignore_index=True)
            content = pa.Table.from_pandas(rows.reindex(columns=list(columns)), schema=schema, preserve_index=False)
            name = f"{number:04d}-{'-'.join(key)}.parquet"
            _write_parquet(content, temporary / name, made(of_part), part=json.dumps([number, len(parts), *key]))
        if path.exists():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise InfoplaneError(f"{path}: this table cannot be written ({reason}); nothing finished is lost") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _seal(path: Path) -> None:
    """Write the digest of a file into it, in the one place that holds _NO_DIGEST."""
    with path.open("r+b") as file:
        content = file.read()
        file.seek(content.index(_NO_DIGEST.encode()))
        file.write(hashlib.sha256(content).hexdigest().encode())


def _is_whole(path: Path, digest: str, ending: int) -> bool:
    """Whether no byte of the file has changed since `_seal` wrote this digest among its last `ending` bytes."""
    computed, left = hashlib.sha256(), path.stat().st_size - ending
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(left, 2**20))):
            computed.update(piece)
            left -= len(piece)
        computed.update(file.read().replace(digest.encode(), _NO_DIGEST.encode()))
    return computed.hexdigest() == digest


@contextmanager
def _reading_table(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise InfoplaneError(f"{path}: there is no such file; it must be a table that infoplane wrote") from None
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        if isinstance(error, OSError) and error.errno:
            raise InfoplaneError(f"{path}: this file cannot be read ({os.strerror(error.errno)})") from error
        raise InfoplaneError(
            f"{path}: this is not a whole table that infoplane wrote; remove it to have it made again"
        ) from error


@contextmanager
def _parquet(path: Path, *, whole: bool = True) -> Iterator[tuple[pq.ParquetFile, str]]:
    """A Parquet file that we wrote, to read, and its provenance as text; `whole` says whether all of it is checked."""
    import pyarrow.parquet as pq

    with _reading_table(path), pq.ParquetFile(path) as file:
        text, digest = (file.metadata.metadata[name].decode() for name in (b"infoplane", b"infoplane_sha256"))
        # Before anything is decoded: Parquet has checksums of its pages alone, not of their heads or of its footer.
        if whole and not _is_whole(path, digest, file.metadata.serialized_size + 8):
            raise ValueError("the digest of the file does not match")
        yield file, text


def _parts(path: Path) -> list[tuple[tuple[str, ...], Path]]:
    """The files of a table and the key of each; () for a table that is one file.

    Raises InfoplaneError if a file of a table in parts is missing.
    """
    if not path.is_dir():
        return [((), path)]
    found: list[tuple[tuple[str, ...], Path]] = []
    numbers: set[tuple[int, int]] = set()
    for file in sorted(path.glob("[!.]*.parquet")):
        with _parquet(file, whole=False) as (opened, _):
            number, count, *key = json.loads(opened.metadata.metadata[b"part"])
        numbers.add((number, count))
        found.append((tuple(key), file))
    if not found or numbers != {(number, len(found)) for number in range(len(found))}:
        raise InfoplaneError(f"{path}: a part of this table is missing; remove the folder to have it made again")
    return found


def read_table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """A table that we wrote, or these columns of it. Raises InfoplaneError if it is missing or damaged."""
    import pandas as pd

    table: pd.DataFrame
    if path.is_dir():
        return pd.concat([read_table(file, columns) for _, file in _parts(path)], ignore_index=True)
    if path.suffix == ".parquet":
        with _parquet(path) as (file, _):
            table = file.read(columns).to_pandas(ignore_metadata=True)
        return table
    with _reading_table(path):
        rows = path.read_bytes()
        # A table from elsewhere, to draw a figure of, may come without.
        digest = _beside(path).get(_CSV_DIGEST) if _provenance_path(path).exists() else None
        if digest not in (None, hashlib.sha256(rows).hexdigest()):
            raise ValueError("the digest of the rows does not match")
        table = pd.read_csv(io.BytesIO(rows), usecols=columns)
    return table


def read_distinct(path: Path, column: str) -> list[str]:
    """The distinct values of a column of text in a Parquet table, in order. Raises InfoplaneError as `read_table`."""
    found: dict[str, None] = {}
    for _, part in _parts(path):
        with _parquet(part) as (file, _):
            import pyarrow.compute as pc

            found |= dict.fromkeys(pc.unique(file.read(columns=[column])[column]).to_pylist())
    return list(found)


def read_rows(path: Path, column: str, value: str, columns: list[str] | None = None) -> pd.DataFrame:
    """The rows of a Parquet table with this value, in little memory, or these columns of them, `column` among them.

    Of a table in parts by this column the others are not read. Raises InfoplaneError as `read_table`.
    """
    import pandas as pd

    parts = _parts(path)
    # A key is one of text: the part of another value of the column has no such row.
    wanted = [file for key, file in parts if value in key] or [file for _, file in parts[:1]]
    return pd.concat([_rows_of_file(file, column, value, columns) for file in wanted], ignore_index=True)


def _rows_of_file(path: Path, column: str, value: str, columns: list[str] | None) -> pd.DataFrame:
    # Batch by batch: a filter of pandas' reads ahead, and takes twice the memory.
    with _parquet(path) as (file, _):
        import pyarrow as pa
        import pyarrow.compute as pc

        kept = [field for field in file.schema_arrow if columns is None or field.name in columns]
        read, batches = 0, []
        for batch in file.iter_batches(100_000, columns=[field.name for field in kept], use_threads=False):
            read += len(batch)
            batches.append(batch.filter(pc.equal(batch[column], value)))
        if read != file.metadata.num_rows:
            raise ValueError(f"{read} rows are there of {file.metadata.num_rows}")
        table: pd.DataFrame = pa.Table.from_batches(batches, pa.schema(kept)).to_pandas(ignore_metadata=True)
    return table


def read_table_provenance(path: Path, *, whole: bool = True) -> dict[str, Any]:
    """The provenance of a table that we wrote; of one in parts with the sources of all.

    Raises InfoplaneError as `read_table` does; with `whole` False not for damage elsewhere in a Parquet file, for who
    reads the table itself as well.
    """
    if path.suffix != ".parquet":
        return {key: value for key, value in _beside(path).items() if key != _CSV_DIGEST}
    found: dict[str, Any] = {}
    sources: dict[str, Any] = {}
    for _, part in _parts(path):
        with _parquet(part, whole=whole) as (_, text):
            found = _parsed_provenance(text, part)
            sources |= found.get("sources", {})
    return {**found, "sources": sources} if path.is_dir() else found


def _provenance_path(path: Path) -> Path:
    return path.with_suffix(".provenance.json")


def _beside(path: Path) -> dict[str, Any]:
    """What the file beside a CSV table says: its provenance, and the digest of its rows."""
    with _reading_table(path):
        text = _provenance_path(path).read_text(encoding="utf-8")
    return _parsed_provenance(text, path)
