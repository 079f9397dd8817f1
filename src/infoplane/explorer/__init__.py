"""The explorer: one HTML file in which a study's information planes can be played, compared and read off.

The file needs nothing but a browser: data, charts and the library that draws them (Vega-Lite, from vl-convert) are in
it, and its content security policy forbids to load anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from infoplane.presentation.escaping import html, javascript

if TYPE_CHECKING:
    import pandas as pd

# The parts of the page beside this module, without the charts and the data.
_FILES = ("page.html", "page.css", "page.js")


def page(
    study: str,
    information: Iterable[pd.DataFrame],
    training: pd.DataFrame,
    made_with: Mapping[str, Any],
    part: str = "all",
) -> str:
    """The page as HTML; equal tables give equal text.

    `information` has one table per run, `training` is that of all runs, `made_with` the provenance of the tables,
    `part` the part of the samples that the information is over.
    Raises InfoplaneError if there is no information.
    """
    import vl_convert

    from infoplane.explorer.contents import DECIMALS, contents
    from infoplane.explorer.views import views
    from infoplane.presentation import style

    found = contents(information, training)
    parts = {name: _part(name) for name in _FILES}
    css = Template(parts["page.css"]).substitute(ink=style.INK, faint=style.FAINT, grid=style.GRID)
    version = vl_convert.get_vegalite_versions()[-1]
    versions = ", ".join(f"{name} {made_with[name]}" for name in ("infoplane", "torch", "numpy") if name in made_with)
    return Template(parts["page.html"]).substitute(
        title=html(f"{study}: the information plane"),
        study=html(study),
        css=css,
        numbers=html(_numbers_note(found, DECIMALS, part)),
        versions=html(versions),
        vega_lite=html(version),
        library=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version),
        contents=javascript({**found, "views": views(max(len(run["layers"]) for run in found["runs"]))}),
        script=parts["page.js"],
    )


def _numbers_note(found: Mapping[str, Any], decimals: int, part: str) -> str:
    samples = "all samples, training and test together" if part == "all" else f"the samples of the {part} part"
    return (
        f"Mutual information in bits over {samples}, rounded to {decimals} decimals; "
        "accuracies are shares. The networks are deterministic, so every value rests on the assumption of its "
        "estimator, which stands under the slider. Charts show the recorded epochs, on an axis of log(epoch + 1)."
    )


def _part(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
