"""What a study's folder holds beside what the study needs now, and what its files were made with."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from infoplane import storage
from infoplane.errors import InfoplaneError

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


def other_versions(results: Path) -> list[str]:
    """One sentence for each library version, other than the installed one, that files of the study were made with."""
    counts: dict[tuple[str, str], int] = {}
    for path in sorted((results / "weights").rglob("[!.]*.h5")):
        with storage.open_checked(path, "weights") as file:
            _count(storage.read_provenance(file), counts)
    for path in sorted((results / "information").rglob("[!.]*.parquet")):
        _count(storage.read_table_provenance(path), counts)
    return [
        f"{count} files were made with {library} {made_with}; installed is {version(library)}"
        for (library, made_with), count in sorted(counts.items())
    ]


def _count(provenance: dict[str, str], counts: dict[tuple[str, str], int]) -> None:
    for library in _LIBRARIES:
        made_with = provenance.get(library, "an unknown version")
        if made_with != version(library):
            counts[library, made_with] = counts.get((library, made_with), 0) + 1


def check(results: Path, needed: Iterable[str | Path]) -> str:
    """What a person should know of the study's folder, a line for each thing."""
    left = unused(results, needed)
    lines = [f"{path}: the study no longer uses this file" for path in left]
    try:
        lines += [f"{results}: {sentence}" for sentence in other_versions(results)]
    except InfoplaneError as error:
        lines.append(str(error))
    if left:
        lines.append(f"files that are no longer used: {len(left)}; `snakemake --cores 1 clean` removes them")
    return "\n".join(lines) or f"{results}: every file is used and was made with the installed libraries"


def say(text: str, logs: Iterable[str]) -> None:
    """Print a text, and keep it in the logs."""
    print(text)
    for path in logs:
        Path(path).write_text(f"{text}\n", encoding="utf-8")
