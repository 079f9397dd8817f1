"""Reading what a compressed file unpacks to, in no more memory than it may take."""

from __future__ import annotations

from collections.abc import Callable

# Bytes of one array, unpacked.
LARGEST = 2**30
_AT_ONCE = 2**20


def unpack(read: Callable[[int], bytes], size: int) -> bytearray:
    """The rest of a file, by its method `read`. Raises ValueError if it is not of `size` bytes, or beyond LARGEST."""
    if size > LARGEST:
        raise ValueError(f"{size} bytes are declared; allowed are {LARGEST}")
    content = bytearray()
    # Piece by piece: asked for all at once, libraries make room for what is declared, or unpack all that there is.
    while len(content) <= size and (piece := read(_AT_ONCE)):
        content += piece
    if len(content) != size:
        raise ValueError(f"{size} bytes are declared, and {'more' if len(content) > size else len(content)} are there")
    return content
