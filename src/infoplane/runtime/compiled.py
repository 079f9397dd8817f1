"""How the loops of estimators and training are compiled for the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(*arguments: Any, fastmath: Any = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compiles a function for arguments of these types of numba, or without any for those of its first call.

    Once per machine, and other threads run meanwhile. Where no folder can be written for the result, each process
    compiles anew, for some seconds. A function without types is part of its callers: else the process that compiles it
    would call it as compiled by itself, and later ones as compiled into its callers, which may round differently.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signatures = [arguments] if arguments else None
        options = {"nogil": True, "fastmath": fastmath, "forceinline": not arguments}
        result: Callable[..., Any]
        try:
            result = njit(signatures, cache=True, **options)(function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            result = njit(signatures, **options)(function)
        return result

    return decorate
