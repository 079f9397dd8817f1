"""Progress of long stages: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm


class Progress:
    """Counts steps. On a terminal it draws a bar; in a log it writes a line at most every `seconds`."""

    def __init__(self, description: str, total: int, unit: str, seconds: float = 10.0) -> None:
        self._description, self._total, self._unit, self._seconds = description, total, unit, seconds
        self._done = 0
        self._start = self._last = time.monotonic()
        self._bar = tqdm(total=total, desc=description, unit=f" {unit}") if sys.stderr.isatty() else None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif error is None:
            self._line()

    def to(self, done: int) -> None:
        """So many steps are done in all."""
        if self._bar is not None:
            self._bar.update(done - self._done)
        self._done = done
        if self._bar is None and time.monotonic() - self._last >= self._seconds:
            self._line()

    def step(self) -> None:
        """One more step is done."""
        self.to(self._done + 1)

    def _line(self) -> None:
        self._last = time.monotonic()
        elapsed = self._last - self._start
        print(
            f"{self._description}: {self._done} of {self._total} {self._unit}, {elapsed:.1f} s",
            file=sys.stderr,
            flush=True,
        )
