"""Paths of data files, as a configuration has them."""

from __future__ import annotations

from pathlib import Path

from infoplane.errors import InfoplaneError


def path_of(text: str) -> Path:
    """The path, with a home folder for ~ and ~user. Raises InfoplaneError if there is none, or it is not printable."""
    if not text or not text.isprintable():
        raise InfoplaneError(f"{text!r} is no path of a file; it must be printable characters, one or more")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InfoplaneError(f"{text}: the home folder that ~ stands for is not known here") from error
