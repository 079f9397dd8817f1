"""The information plane as a moving picture: the layers of every run, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image

from infoplane.errors import InfoplaneError
from infoplane.figures.parts import planes, selection
from infoplane.figures.parts.panels import Section, marker_handles, page
from infoplane.files.storage import replacing
from infoplane.presentation import style
from infoplane.presentation.style import Look

# At most so many epochs are shown, evenly spread over the recorded ones.
MOST_FRAMES = 120
_MILLISECONDS, _LAST_MILLISECONDS = 120, 2500
_DOTS_PER_INCH = 110

Pixels = NDArray[np.uint8]


def animate(tables: Mapping[str, pd.DataFrame], output: Path, *, estimator: str, run: str | None = None) -> None:
    """Write the information plane as a GIF, of all runs or of one.

    `tables` has information and training. Markers are the layers' means over the seeds that did not diverge and are not
    dead, on the way that they came; small dots are single seeds. Of an estimator that bounds the information it shows
    the upper bound. Raises InfoplaneError for an estimator or run that the tables do not have.
    """
    with style.context():
        shown = list(frames(tables, estimator=estimator, run=run))
    looks = style.layer_looks(int(selection.of_estimator(tables["information"], estimator)["n_layers"].max()))
    palette = _palette([look.colour for look in looks.values()])
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in shown]
    times = [_MILLISECONDS] * (len(images) - 1) + [_LAST_MILLISECONDS]
    with replacing(output) as temporary:
        images[0].save(temporary, "GIF", save_all=True, append_images=images[1:], duration=times, loop=0)


def _palette(colours: Sequence[str]) -> Image.Image:
    """White, and every colour in use in steps to white: the same for all pictures, so that no colour flickers."""
    full = [to_rgb(colour) for colour in (*colours, style.INK, style.FAINT)]
    steps = np.linspace(0, 1, 1 + 255 // len(full))[1:]
    mixed = (1 - steps[:, None, None] * (1 - np.array(full))).reshape(-1, 3)
    # Pillow looks for the nearest colour in steps of 4 of 255, so that what is nearly white would stand for white.
    values = np.concatenate([np.ones((1, 3)), mixed[mixed.min(axis=1) < 0.96]])
    image = Image.new("P", (1, 1))
    image.putpalette((255 * values).round().astype(int).ravel().tolist())
    return image


def epochs_shown(table: pd.DataFrame) -> NDArray[np.int64]:
    """The recorded epochs, or `MOST_FRAMES` of them with the first and the last."""
    recorded = np.unique(table["epoch"].to_numpy(dtype=np.int64))
    if len(recorded) <= MOST_FRAMES:
        return recorded
    return recorded[np.linspace(0, len(recorded) - 1, MOST_FRAMES).round().astype(np.int64)]


class _Layer:
    """One layer of one run: its way so far, its seeds and its marker, from any epoch to the next."""

    def __init__(self, axis: Axes, table: pd.DataFrame, look: Look) -> None:
        by_epoch = table.groupby("epoch", sort=True)
        self.epochs = np.unique(table["epoch"].to_numpy(dtype=np.int64))
        self.means = by_epoch[["i_tx", "i_ty"]].mean().to_numpy(dtype=np.float64)
        self.seeds = {int(str(epoch)): rows[["i_tx", "i_ty"]].to_numpy(dtype=np.float64) for epoch, rows in by_epoch}
        several = len(table["seed"].unique()) > 1
        (self.way,) = axis.plot([], [], color=look.colour, linewidth=0.9, alpha=0.6, zorder=2)
        (self.dots,) = axis.plot(
            [], [], "o", color=look.colour, markersize=1.9 if several else 0, markeredgewidth=0, alpha=0.45, zorder=3
        )
        (self.marker,) = axis.plot(
            [],
            [],
            look.marker,
            color=look.colour,
            markersize=7.0 if look.marker == "*" else 5.0,
            markeredgecolor=style.INK,
            markeredgewidth=0.5,
            zorder=4,
            clip_on=False,
        )
        for line in self.artists:
            line.set_animated(True)

    @property
    def artists(self) -> tuple[Line2D, Line2D, Line2D]:
        return self.way, self.dots, self.marker

    def move(self, epoch: int) -> None:
        """To the last recorded epoch up to `epoch`; runs may record different ones."""
        passed = int(np.searchsorted(self.epochs, epoch, side="right"))
        if passed:
            self.way.set_data(*self.means[:passed].T)
            self.dots.set_data(*self.seeds[int(self.epochs[passed - 1])].T)
            self.marker.set_data(*self.means[passed - 1 : passed].T)


def frames(tables: Mapping[str, pd.DataFrame], *, estimator: str, run: str | None = None) -> Iterator[Pixels]:
    """The pictures (height, width, RGB), one for each epoch of `epochs_shown`."""
    tables = selection.with_dead(tables)
    training = tables["training"]
    table = selection.of_estimator(tables["information"], estimator)
    bound = selection.bounds(table)[0]
    titles = selection.panel_titles(training)
    if run is not None and run not in titles:
        raise InfoplaneError(f"The tables have no run {run!r}; they have {', '.join(titles)}.")
    runs = list(titles) if run is None else [run]
    table = table[(table["bound"] == bound) & table["run"].isin(runs)]
    training = training[training["run"].isin(runs)]
    looks = style.layer_looks(int(table["n_layers"].max()))
    name = ", ".join(filter(None, [selection.label(table), style.bound_label(bound)]))
    result = page(
        f"Information plane: {name}",
        [Section([titles[shown] for shown in runs], "", planes.X_LABEL, planes.Y_LABEL)],
        footer=f"{selection.assumption_note(table)} Markers: mean over seeds; dots: single seeds; "
        f"{selection.seeds_note(training)}",
        height=1.4 if run is None else 3.0,
        legend=[*marker_handles(looks.values()), planes.ceiling_handle(table)],
        width=style.PAGE_WIDTH if run is None else 1.5 * style.COLUMN_WIDTH,
    )
    figure = result.figure
    figure.set_dpi(_DOTS_PER_INCH)
    canvas: Any = FigureCanvasAgg(figure)
    epochs = epochs_shown(table)
    kept = selection.without_lost(table, training)
    kept = kept[kept["i_tx"].notna() & kept["i_ty"].notna()]
    box = planes.limits(kept) if len(kept) else planes.limits(table)
    moving = []
    for shown, axis in zip(runs, result.axes[0], strict=True):
        of_run = kept[kept["run"] == shown]
        planes.prepare(axis, of_run, box)
        for number, look in looks.items():
            moving.append(_Layer(axis, of_run[of_run["layer"] == number], look))
    artists = sorted((artist for layer in moving for artist in layer.artists), key=Artist.get_zorder)
    size = figure.get_size_inches()
    clock = figure.text(1 - 0.12 / size[0], 1 - 0.07 / size[1], "", fontsize=style.TITLE, va="top", ha="right")
    clock.set_animated(True)
    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)
    for epoch in epochs.tolist():
        canvas.restore_region(background)
        clock.set_text(f"epoch {epoch}")
        for layer in moving:
            layer.move(epoch)
        for artist in (*artists, clock):
            figure.draw_artist(artist)
        yield np.asarray(canvas.buffer_rgba())[..., :3].copy()
