"""What a study's folder holds beside what the study needs now, and what its files were made with."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from infoplane.activity.recording import open_recording
from infoplane.errors import InfoplaneError
from infoplane.files import storage

# The folders whose files belong to one run, block or figure, so that a smaller study leaves some behind.
_FOLDERS = ("weights", "activations", "information", "sensitivity", "figures")
# The libraries whose version may change a number.
_LIBRARIES = ("torch", "numpy")


def unused(results: Path, needed: Iterable[str | Path]) -> list[Path]:
    """The files under `results` that none of `needed` is, ascending; only those that the pipeline would make."""
    kept = {Path(path) for path in needed}
    found = (path for folder in _FOLDERS for path in (results / folder).rglob("*") if path.is_file())
    return sorted(path for path in found if path not in kept and not path.name.startswith("."))


def clean(results: Path, needed: Iterable[str | Path]) -> str:
    """Remove what is unused, and folders that are empty then; a line for each file."""
    left = unused(results, needed)
    for path in left:
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == results or any(folder.iterdir()):
                break
            folder.rmdir()
    return "\n".join(f"removed {path}" for path in left) or f"{results}: there is nothing to remove"


def made_with(results: Path) -> list[str]:
    """A sentence for each file that cannot be read, and one for each version of a library other than the installed one.

    Of the files only the beginnings are read, so that damage within them is found when they are used.
    """
    unreadable, counts = [], Counter[tuple[str, str]]()
    for folder in _FOLDERS:
        for path in sorted((results / folder).rglob("[!.]*")):
            try:
                if path.suffix in (".h5", ".parquet"):
                    counts.update(_other_versions(_provenance(path, folder)))
            except InfoplaneError as error:
                unreadable.append(str(error))
    installed = {library: importlib.metadata.version(library) for library in _LIBRARIES}
    return unreadable + [
        f"{results}: {count} files were made with {library} {version}; installed is {installed[library]}"
        for (library, version), count in sorted(counts.items())
    ]


def _provenance(path: Path, kind: str) -> Mapping[str, str]:
    if path.suffix == ".parquet":
        return storage.read_table_provenance(path)
    if kind == "weights":
        with storage.open_weights(path) as file:
            return storage.read_provenance(file)
    with open_recording(path) as recording:
        return recording.made_with


def _other_versions(provenance: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for library in _LIBRARIES:
        version = str(provenance.get(library, "an unknown version"))
        if version != importlib.metadata.version(library):
            yield library, version


def check(results: Path, needed: Iterable[str | Path], notes: Iterable[str] = ()) -> str:
    """What a person should know of the study's folder, a line for each thing, and the notes on its data sets."""
    left = unused(results, needed)
    lines = [f"{path}: the study no longer uses this file" for path in left]
    lines += made_with(results)
    if left:
        lines.append(f"files that are no longer used: {len(left)}; `snakemake --cores 1 clean` removes them")
    lines = lines or [f"{results}: every file is used and was made with the installed libraries"]
    return "\n".join([*lines, *notes])


def say(text: str, logs: Iterable[str]) -> None:
    """Print a text, and keep it in the logs."""
    print(text)
    for path in logs:
        Path(path).write_text(f"{text}\n", encoding="utf-8")
