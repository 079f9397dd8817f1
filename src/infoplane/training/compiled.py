"""How the CPU's loops of training are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(*arguments: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compiles a function for arguments of these types of numba: once per machine, and it lets other threads run.

    Where no folder can be written for the result, each process compiles anew, for a second or two.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        result: Callable[..., Any]
        try:
            result = njit([arguments], cache=True, nogil=True)(function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            result = njit([arguments], nogil=True)(function)
        return result

    return decorate
