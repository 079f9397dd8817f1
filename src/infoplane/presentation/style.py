"""How everything looks: the one table of colours, markers, labels and sizes.

Colours are apart for colour-blind readers; what colour says is also said by a marker, a line style, a label or a
position, so that figures survive printing in grey. The labels of activation functions are those of
`infoplane.activation_functions`, and the looks of methods those of their own files; a function without a colour here,
or a method without one there, gets a free one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib
import matplotlib.colors
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, FuncNorm, LinearSegmentedColormap, to_rgb
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from numpy.typing import NDArray

from infoplane.activation_functions import ACTIVATION_FUNCTIONS
from infoplane.estimators import METHODS
from infoplane.settings import NOT_RECORDED

# Inches: one column and both columns of a paper.
COLUMN_WIDTH = 3.5
PAGE_WIDTH = 7.2

INK = "#222222"
FAINT = "#8a8a8a"
GRID = "#e4e4e4"

# Points.
TEXT = 7.0
SMALL = 6.0
TITLE = 9.0


@dataclass(frozen=True, slots=True)
class Look:
    """How one thing is drawn: colour, marker and dashes (matplotlib's), and what it is called."""

    colour: str
    marker: str
    dashes: Any
    label: str


_SOLID, _DASHED, _DOTTED = "-", (0, (4, 1.5)), (0, (1, 1.2))

# Kin share a hue: the sigmoid family is blue, the rectifiers red to orange, ELU green, softplus grey to sky blue.
_ACTIVATION_LOOKS: Mapping[str, tuple[str, str]] = {
    "tanh": ("#0072B2", "o"),
    "sigmoid": ("#0B3C5D", "P"),
    "hard_tanh": ("#7FB2E5", "X"),
    "relu": ("#D55E00", "s"),
    "leaky_relu": ("#8C2D04", "d"),
    "prelu": ("#E69F00", "D"),
    "abs": ("#CC79A7", "v"),
    "elu": ("#009E73", "^"),
    "selu": ("#66C2A5", "p"),
    "softplus": ("#4D4D4D", "<"),
    "centered_softplus": ("#56B4E9", ">"),
    "swish": ("#5F3BD6", "h"),
    "gelu": ("#A6A000", "*"),
    "linear": ("#A9A9A9", "8"),
}
# For activation functions that the table above does not know.
_FREE_LOOKS = (("#7B5E3B", "o"), ("#B22222", "s"), ("#1B7837", "^"), ("#E377C2", "D"), ("#00868B", "v"))

# For further runs with the same activation function, such as those with a penalty.
_FURTHER_MARKERS = ("P", "X", "*", "p", "d")

TRAIN = Look("#0072B2", "o", _DASHED, "training part")
TEST = Look("#D55E00", "s", _SOLID, "test part")

# Dark (early) to light (late), also in grey; the yellow end is cut off, for it vanishes on white.
EPOCH_COLOURS: Colormap = LinearSegmentedColormap.from_list(
    "epochs", matplotlib.colormaps["viridis"](np.linspace(0.0, 0.93, 256))
)


# Everything that matplotlib can be set to, so that a user's own settings change no figure.
_PLAIN = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}


# Of the hidden layers, dark to light and never too light for a thin line on white.
_LAYER_COLOURS: Colormap = LinearSegmentedColormap.from_list(
    "layers", ["#140f2e", "#3a2f7d", "#2d6699", "#2b979b", "#5dbb8d"]
)


@contextlib.contextmanager
def context() -> Iterator[None]:
    """The settings of matplotlib under which figures are drawn and saved; the user's are left alone."""
    settings = {
        **_PLAIN,
        "font.family": "DejaVu Sans",
        "font.size": TEXT,
        "mathtext.fontset": "dejavusans",
        "axes.labelsize": TEXT,
        "axes.titlesize": TEXT,
        "axes.titlepad": 3.0,
        "axes.titlelocation": "left",
        "axes.labelpad": 2.5,
        "axes.linewidth": 0.6,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": GRID,
        "grid.linewidth": 0.5,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.pad": 2.0,
        "ytick.major.pad": 2.0,
        "legend.fontsize": SMALL + 0.5,
        "legend.frameon": False,
        "lines.linewidth": 1.1,
        "lines.markersize": 4.0,
        "lines.solid_capstyle": "round",
        "savefig.dpi": 220,
        "figure.dpi": 100,
        "svg.fonttype": "path",
        "svg.hashsalt": "infoplane",
        "pdf.fonttype": 42,
    }
    with matplotlib.rc_context(settings):
        yield


def activation_label(activation: str) -> str:
    """What figures call an activation function, or several joined by '-'."""
    names = [activation] if activation in ACTIVATION_FUNCTIONS else activation.split("-")
    return "-".join(ACTIVATION_FUNCTIONS[name].label if name in ACTIVATION_FUNCTIONS else name for name in names)


def activation_looks(activations: Sequence[str]) -> dict[str, Look]:
    """A look for every activation function of a study; unknown ones share out the free looks in order."""
    free = _free(name for name in activations if name not in _ACTIVATION_LOOKS)
    looks = {name: _ACTIVATION_LOOKS.get(name) or free[name] for name in activations}
    return {name: Look(colour, marker, _SOLID, activation_label(name)) for name, (colour, marker) in looks.items()}


def _free(unknown: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of names that no table knows, the same whatever their order."""
    return {name: _FREE_LOOKS[index % len(_FREE_LOOKS)] for index, name in enumerate(sorted(set(unknown)))}


def _further(look: Look, rank: int) -> Look:
    """The look of one more thing of the same kind: darker, dashed and with another marker."""
    if rank == 0:
        return look
    colour = matplotlib.colors.to_hex(tuple(0.72**rank * np.asarray(to_rgb(look.colour))))
    dashes = (_DASHED, _DOTTED)[min(rank, 2) - 1]
    return Look(colour, _FURTHER_MARKERS[(rank - 1) % len(_FURTHER_MARKERS)], dashes, look.label)


def run_labels(settings: pd.DataFrame) -> dict[str, str]:
    """What figures call the runs: the activation function and what else tells them apart.

    `settings` has one row per run. A run whose activation function is not recorded has its own name. Penalties are
    named where they are not zero, the data set where there are several; if that leaves two runs alike, the run's own
    name follows.
    """
    several_datasets = len(settings["dataset"].unique()) > 1
    labels = {}
    for row in settings.to_dict("records"):
        parts = [row["run"] if row["activation"] == NOT_RECORDED else activation_label(row["activation"])]
        if row["l2"] > 0:
            parts.append(f"L2 {row['l2']:g}")
        if row.get("weight_decay", 0) > 0:
            parts.append(f"weight decay {row['weight_decay']:g}")
        if several_datasets and row["activation"] != NOT_RECORDED:
            parts.append(row["dataset"])
        labels[row["run"]] = ", ".join(parts)
    alike = pd.Series(labels).duplicated(keep=False)
    return {run: f"{label} ({run})" if alike[run] else label for run, label in labels.items()}


def run_looks(settings: pd.DataFrame) -> dict[str, Look]:
    """A look for every run: its activation function's; darker, dashed and with another marker for each further run."""
    looks = activation_looks(list(dict.fromkeys(settings["activation"])))
    labels = run_labels(settings)
    seen: dict[str, int] = {}
    result = {}
    for run, activation in zip(settings["run"], settings["activation"], strict=True):
        rank = seen[activation] = seen.get(activation, -1) + 1
        result[run] = replace(_further(looks[activation], rank), label=labels[run])
    return result


def layer_looks(n_layers: int) -> dict[int, Look]:
    """A look for every layer, from 1: hidden layers from dark to light, the output apart from them."""
    markers = ("o", "s", "^", "D", "v", "P", "X", "p", "h", "<", ">", "8")
    dashes = (_SOLID, _DASHED, (0, (5, 1, 1, 1)), (0, (2, 1)), _DOTTED)
    colours = _LAYER_COLOURS(np.linspace(0.0, 1.0, max(n_layers - 1, 2)))
    looks = {
        layer: Look(
            matplotlib.colors.to_hex(colours[layer - 1]),
            markers[(layer - 1) % len(markers)],
            dashes[(layer - 1) % len(dashes)],
            f"layer {layer}",
        )
        for layer in range(1, n_layers)
    }
    looks[n_layers] = Look("#D55E00", "*", _SOLID, f"layer {n_layers} (output)")
    return looks


def estimator_label(estimator: str, method: str) -> str:
    """What figures call an estimator: its method, and its own name where that adds something."""
    label = METHODS[method].look.label if method in METHODS else method
    plain = estimator in (method, method.removesuffix("_binning"))
    return label if plain else f"{label} ({estimator})"


def estimator_looks(methods: Mapping[str, str]) -> dict[str, Look]:
    """A look for every estimator, given the method of each: as runs have theirs by activation function."""
    own = {
        method: (METHODS[method].look.colour, METHODS[method].look.marker)
        for method in methods.values()
        if method in METHODS
    }
    known = {method: (colour, marker) for method, (colour, marker) in own.items() if colour and marker}
    free = _free(method for method in methods.values() if method not in known)
    seen: dict[str, int] = {}
    result = {}
    for estimator, method in methods.items():
        rank = seen[method] = seen.get(method, -1) + 1
        colour, marker = known.get(method) or free[method]
        result[estimator] = _further(Look(colour, marker, _SOLID, estimator_label(estimator, method)), rank)
    return result


def bound_label(bound: str) -> str:
    """What figures call a bound; nothing for estimators that do not bound the information."""
    return "" if bound == "none" else f"{bound} bound"


def epoch_ticks(last: int, *, with_last: bool = False) -> list[int]:
    """0, 1, 10, 100 ... up to `last`, and `last` itself where it stands clear of the others and is asked for."""
    ticks = [0, *(10**power for power in range(len(str(last))) if 10**power <= last)]
    if with_last and np.log1p(last) - np.log1p(ticks[-1]) > 0.1 * np.log1p(last):
        ticks.append(last)
    return ticks


def epoch_text(epoch: int) -> str:
    """A tick's label: the true epoch, powers of ten from 10 000 on as such."""
    power = len(str(epoch)) - 1
    return f"$10^{{{power}}}$" if power >= 4 and epoch == 10**power else str(epoch)


def _expm1(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.expm1(np.minimum(values, 700.0))


def _log1p(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log1p(np.maximum(values, -0.999))


def epoch_norm(last: int) -> FuncNorm:
    """Epochs to colours, logarithmic in epoch + 1 so that epoch 0 has a place."""
    return FuncNorm((_log1p, _expm1), vmin=0, vmax=max(last, 1))


def epoch_axis(axes: Axes, last: int) -> None:
    """Make the x axis one of epochs, logarithmic in epoch + 1 and labelled with true epochs."""
    axes.set_xscale("function", functions=(_log1p, _expm1))
    ticks = epoch_ticks(max(last, 1))
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FixedFormatter([epoch_text(tick) for tick in ticks]))
    # A little room, so that the first and last values do not lie on the frame.
    axes.set_xlim(float(np.expm1(-0.03)), float(np.expm1(np.log1p(max(last, 1)) * 1.02)))
