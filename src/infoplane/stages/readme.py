"""Stage `readme`: pictures and claims of a finished study -> README.md and its folder of pictures."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from infoplane.errors import InfoplaneError
from infoplane.files import storage
from infoplane.presentation.escaping import markdown_code

__all__ = ["readme"]

# Pictures for a screen: pixels across, and a palette, which keeps them below 400 kB.
WIDTH = 1600
COLOURS = 256
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"


def readme(
    study: str,
    figures: Sequence[Path],
    explorer: Path,
    view: str,
    claims: Path,
    provenance: Path,
    folder: Path,
    output: Path,
) -> None:
    """Put the figures, the explorer as `view` shows it, and the claims into the README at `output` and `folder`.

    Raises InfoplaneError if there is no Chromium, if the README lacks the lines that enclose the claims, or if the
    file of claims has none.
    """
    text = with_claims(output.read_text(encoding="utf-8"), _claims_section(study, claims, provenance), name=str(output))
    for figure in figures:
        _shrink(figure, folder / figure.name)
    with storage.replacing(folder / "explorer.png") as picture:
        screenshot(explorer, view, picture)
        _shrink(picture, picture)
    with storage.replacing(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


def with_claims(readme: str, section: str, *, name: str = "README.md") -> str:
    """The README with `section` between the two lines that enclose the claims."""
    pattern = re.compile(f"({re.escape(BEGIN)}\n).*?({re.escape(END)})", re.DOTALL)
    if len(pattern.findall(readme)) != 1:
        raise InfoplaneError(f"{name}: there must be one line {BEGIN} and one line {END} after it")
    return pattern.sub(lambda found: f"{found[1]}\n{section.strip()}\n\n{found[2]}", readme)


def _claims_section(study: str, claims: Path, provenance: Path) -> str:
    """A table of the verdicts, the whole text of the claims to unfold, and what both were made from."""
    made_with = json.loads(provenance.read_text(encoding="utf-8"))
    versions = ", ".join(f"{name} {made_with[name]}" for name in ("infoplane", "torch", "numpy"))
    date = datetime.fromtimestamp(claims.stat().st_mtime, UTC).date()
    text = claims.read_text(encoding="utf-8").removeprefix("# Claims\n").strip()
    verdicts = re.findall(r"^## (\w+): (.+)\n\n(.+)$", text, flags=re.MULTILINE)
    if not verdicts:
        raise InfoplaneError(f"{claims}: this file has no claims with verdicts; remove it to have it made again")
    lines = [
        f"The study {markdown_code(study)} of {date} ({versions}).",
        "",
        "| | claim | verdict |",
        "|---|---|---|",
        *(f"| {claim} | {statement.rstrip('.')} | {verdict} |" for claim, verdict, statement in verdicts),
        "",
        "<details><summary>Every part of the claims, with its numbers and its rule</summary>",
        "",
        re.sub("^## ", "### ", text, flags=re.MULTILINE),
        "",
        "</details>",
    ]
    return "\n".join(lines)


def screenshot(page: Path, view: str, output: Path, size: tuple[int, int] = (1400, 900)) -> None:
    """A picture of a page, `view` being the fragment of its address, by Chromium without a window.

    Raises InfoplaneError if there is no Chromium or it makes no picture.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise InfoplaneError(f"no browser is installed that can take a picture; looked for {', '.join(BROWSERS)}")
    command = [browser, "--headless", "--hide-scrollbars", "--disable-gpu", "--virtual-time-budget=20000"]
    # Chromium's sandbox refuses the user root, as in containers; the page is our own and loads nothing.
    command += ["--no-sandbox"] if os.geteuid() == 0 else []
    command += [f"--window-size={size[0]},{size[1]}", f"--screenshot={output}", f"{page.resolve().as_uri()}#{view}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode or not output.is_file():
        raise InfoplaneError(f"{browser} took no picture of {page}: {done.stderr.strip()[-300:]}")


def _shrink(source: Path, target: Path) -> None:
    from PIL import Image

    with Image.open(source) as picture:
        small = picture.convert("RGB")
    if small.width > WIDTH:
        small = small.resize((WIDTH, round(small.height * WIDTH / small.width)), Image.Resampling.LANCZOS)
    target.parent.mkdir(parents=True, exist_ok=True)
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(target, format="PNG", optimize=True)
