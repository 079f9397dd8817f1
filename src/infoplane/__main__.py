"""`python -m infoplane` is the command line, as the rules call it: the log then ends with the memory that it took."""

import sys
from pathlib import Path

from infoplane.cli import main


def _peak_megabytes() -> int | None:
    """The most memory that this process has had, if the system tells."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return found[0] // 1024 if found else None


code = main()
if code == 0 and not sys.stderr.isatty() and (peak := _peak_megabytes()) is not None:
    print(f"peak memory: {peak} MB", file=sys.stderr)
sys.exit(code)
