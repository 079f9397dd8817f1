"""The charts of the explorer, as specifications of Vega-Lite.

All have the same signals, which the page's script sets: the epoch, the highlighted layer (0 is all), the ceilings,
the axes and the epochs with a tick; and the same data `rows`, one row per layer and epoch (accuracy: per part and
epoch). A change of a signal or of the data redraws what depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infoplane.explorer.contents import PARTS, dash_pattern
from infoplane.presentation import style

Specification = dict[str, Any]

SIGNALS: Mapping[str, Any] = {
    "title": "",
    "epoch": 0,
    "layer": 0,
    "h_x": 1,
    "h_y": 1,
    "low_x": 0,
    "high_x": 1,
    "low_y": 0,
    "high_y": 1,
    "low_accuracy": 0,
    "last": 1,
    "ticks": [0, 1],
}

_NAMES = {"i_tx": "I(T;X)", "i_ty": "I(T;Y)"}
_CEILING_DASHES = [4, 3]
_HIGHLIGHTED = "layer == 0 || datum.layer == layer"


def views(n_layers: int) -> dict[str, Specification]:
    """Every chart by the id of its element in the page; `n_layers` is the largest number of layers of a run."""
    return {
        "plane": _plane(n_layers),
        "i_tx": _curves("i_tx", "Information about the input", "h_x", ("low_x", "high_x")),
        "i_ty": _curves("i_ty", "Information about the label", "h_y", ("low_y", "high_y")),
        "accuracy": _accuracy(),
    }


def _view(description: str, data: Sequence[str], layers: Sequence[Specification], **more: Any) -> Specification:
    return {
        "description": description,
        "width": "container",
        "height": "container",
        "autosize": {"type": "fit", "contains": "padding", "resize": True},
        "padding": {"left": 2, "right": 8, "top": 4, "bottom": 2},
        "params": [{"name": name, "value": value} for name, value in SIGNALS.items()],
        "datasets": {name: [] for name in data},
        "data": {"name": data[0]},
        "layer": list(layers),
        "config": _config(),
        **more,
    }


def _config() -> Specification:
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
    return {
        "font": font,
        "background": None,
        "view": {"stroke": None},
        "axis": {
            "labelColor": style.INK,
            "titleColor": style.INK,
            "labelFontSize": 11,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "domainColor": style.FAINT,
            "tickColor": style.FAINT,
            "gridColor": style.GRID,
            "tickSize": 4,
            "titlePadding": 6,
        },
        # Plots under each other begin at the same place.
        "axisLeft": {"minExtent": 40, "maxExtent": 40},
        "title": {
            "anchor": "start",
            "frame": "group",
            "fontSize": 13,
            "fontWeight": 600,
            "color": style.INK,
            "offset": 8,
        },
        "legend": {"labelColor": style.INK, "labelFontSize": 11},
        "text": {"fontSize": 11},
    }


def _scale(low: str, high: str, padding: int) -> Specification:
    return {"domain": [{"expr": low}, {"expr": high}], "nice": False, "zero": False, "padding": padding}


def _opacity(full: float, dimmed: float) -> Specification:
    """Of the highlighted layers and of the others."""
    return {"condition": {"test": _HIGHLIGHTED, "value": full}, "value": dimmed}


_COLOUR = {"field": "colour", "type": "nominal", "scale": None}


def _bits(column: str) -> Specification:
    """A field for a tooltip: the value in bits, with its interval where there is one."""
    text = f"format(datum.{column}, '.3f') + ' bits'"
    interval = (
        f"' (95 % interval ' + format(datum.{column}_low, '.3f') + ' to ' + format(datum.{column}_high, '.3f') + ')'"
    )
    return {"calculate": f"{text} + (isValid(datum.{column}_low) ? {interval} : '')", "as": f"{column}_text"}


_TOOLTIP = [
    {"field": "label", "type": "nominal", "title": "Layer"},
    {"field": "epoch", "type": "quantitative", "title": "Epoch", "format": "d"},
    {"field": "i_tx_text", "type": "nominal", "title": _NAMES["i_tx"]},
    {"field": "i_ty_text", "type": "nominal", "title": _NAMES["i_ty"]},
]
_TEXTS = [_bits("i_tx"), _bits("i_ty")]


def _plane(n_layers: int) -> Specification:
    x = {
        "field": "i_tx",
        "type": "quantitative",
        "scale": _scale("low_x", "high_x", 14),
        "axis": {"title": "I(T;X), information about the input (bits)", "tickCount": 7, "grid": True},
    }
    y = {
        "field": "i_ty",
        "type": "quantitative",
        "scale": _scale("low_y", "high_y", 14),
        "axis": {"title": "I(T;Y), information about the label (bits)", "tickCount": 6, "grid": True},
    }
    place = {"x": x, "y": y}
    colour, opacity = _COLOUR, _opacity
    shape = {"field": "shape", "type": "nominal", "scale": None}

    now = [{"filter": "datum.epoch == epoch"}]
    so_far = [{"filter": "datum.epoch <= epoch"}]
    path = {**place, "order": {"field": "epoch"}, "detail": {"field": "layer"}, "stroke": colour}
    return _view(
        "The information plane: I(T;Y) against I(T;X) of every layer, up to the chosen epoch.",
        ["rows", "seeds"],
        [
            *_ceiling("x", "h_x", "H(X)"),
            *_ceiling("y", "h_y", "H(Y)"),
            {
                "mark": {"type": "line", "strokeWidth": 1.2, "tooltip": None},
                "encoding": {**path, "opacity": opacity(0.28, 0.06)},
            },
            {
                "transform": so_far,
                "mark": {"type": "line", "strokeWidth": 2.2, "strokeCap": "round", "strokeJoin": "round"},
                "encoding": {**path, "opacity": opacity(0.9, 0.12)},
            },
            {
                "transform": so_far,
                "mark": {"type": "circle", "size": 16, "aria": False},
                "encoding": {**place, "fill": colour, "opacity": opacity(1.0, 0.12)},
            },
            {
                # Larger than they look, so that the pointer finds them.
                "name": "hover",
                "transform": _TEXTS,
                "mark": {"type": "circle", "size": 140, "cursor": "pointer", "aria": False},
                "encoding": {**place, "opacity": {"value": 0}, "tooltip": _TOOLTIP},
            },
            {
                "name": "seeds",
                "data": {"name": "seeds"},
                "transform": now,
                "mark": {"type": "point", "filled": False, "size": 26, "strokeWidth": 1.1, "aria": False},
                "encoding": {
                    **place,
                    "stroke": colour,
                    "shape": shape,
                    "opacity": opacity(0.55, 0.05),
                    "tooltip": [
                        {"field": "seed", "type": "nominal", "title": "Seed"},
                        _TOOLTIP[0],
                        *(
                            {"field": column, "type": "quantitative", "title": f"{name} (bits)", "format": ".3f"}
                            for column, name in _NAMES.items()
                        ),
                    ],
                },
            },
            *(mark for number in range(1, n_layers + 1) for mark in _marker(number, place)),
        ],
        title={"text": {"expr": "title"}},
    )


def _marker(number: int, place: Specification) -> list[Specification]:
    """Where a layer is now, with its number; layer by layer, so that a marker hides the numbers under it."""
    now = {"filter": f"datum.layer == {number} && datum.epoch == epoch"}
    opacity = _opacity(1.0, 0.12)
    return [
        {
            "name": f"now_{number}",
            "transform": [now, *_TEXTS],
            "mark": {"type": "point", "filled": True, "strokeWidth": 1.5, "stroke": "white"},
            "encoding": {
                **place,
                "fill": _COLOUR,
                "shape": {"field": "shape", "type": "nominal", "scale": None},
                "size": {"field": "size", "type": "quantitative", "scale": None},
                "opacity": opacity,
                "tooltip": _TOOLTIP,
            },
        },
        {
            "transform": [now, *_TEXTS],
            "mark": {
                "type": "text",
                "fontSize": 11,
                "fontWeight": 700,
                "baseline": "middle",
                "dy": {"expr": "0.5 + datum.shift"},
                "aria": False,
            },
            "encoding": {
                **place,
                "text": {"field": "layer"},
                "color": {"field": "ink", "type": "nominal", "scale": None},
                "opacity": opacity,
                "tooltip": _TOOLTIP,
            },
        },
    ]


def _ceiling(axis: str, signal: str, name: str) -> list[Specification]:
    """A dashed line at an entropy, and its name and value beside it."""
    at = {axis: {"datum": {"expr": signal}, "type": "quantitative"}}
    if axis == "x":
        text = {"angle": 270, "align": "left", "baseline": "bottom", "dx": 4, "dy": -4}
        place = {**at, "y": {"value": "height"}}
    else:
        text = {"align": "left", "baseline": "bottom", "dx": 4, "dy": -3}
        place = {**at, "x": {"value": 0}}
    return [
        {
            "data": {"values": [{}]},
            "mark": {"type": "rule", "strokeDash": _CEILING_DASHES, "color": style.FAINT},
            "encoding": at,
        },
        {
            "data": {"values": [{}]},
            "mark": {
                "type": "text",
                "color": "#666666",
                "text": {"expr": f"'{name} = ' + format({signal}, '.4~g') + ' bits'"},
                **text,
            },
            "encoding": place,
        },
    ]


# log(1 + epoch), as in the figures.
_EPOCHS: Specification = {
    "type": "quantitative",
    "scale": {"type": "symlog", "constant": 1, **_scale("0", "last", 8)},
    "axis": {"values": {"expr": "ticks"}, "format": "d", "grid": False, "title": None, "labelOverlap": "greedy"},
}


def _over_epochs(
    name: str,
    title: str,
    y: Specification,
    colour: Specification,
    dash: Specification,
    opacity: Specification,
    band_opacity: Specification,
    tooltip: Sequence[Specification],
    transform: Sequence[Specification],
    behind: Sequence[Specification] = (),
) -> Specification:
    """Curves over epochs with the band of their 95 % interval and a line and dots at the chosen epoch."""
    x = {"field": "epoch", **_EPOCHS}
    place = {"x": x, "y": {"field": name, **y}, "detail": {"field": "key"}}
    return _view(
        f"{title} over epochs.",
        ["rows"],
        [
            *behind,
            {
                "mark": {"type": "area", "tooltip": None},
                "encoding": {
                    "x": x,
                    "y": {"field": f"{name}_low", **y},
                    "y2": {"field": f"{name}_high"},
                    "detail": {"field": "key"},
                    "fill": colour,
                    "opacity": band_opacity,
                },
            },
            {
                "name": "curves",
                "mark": {"type": "line", "strokeWidth": 1.8, "strokeJoin": "round", "tooltip": None},
                "encoding": {**place, "stroke": colour, "strokeDash": dash, "opacity": opacity},
            },
            {
                "name": "line",
                "data": {"values": [{}]},
                "mark": {"type": "rule", "color": style.INK, "strokeWidth": 1},
                "encoding": {"x": {"datum": {"expr": "epoch"}, **_EPOCHS}},
            },
            {
                # Larger than they look, so that the pointer finds them.
                "name": "hover",
                "transform": transform,
                "mark": {"type": "circle", "size": 140, "cursor": "pointer", "aria": False},
                "encoding": {**place, "opacity": {"value": 0}, "tooltip": tooltip},
            },
            {
                "name": "now",
                "transform": [{"filter": "datum.epoch == epoch"}, *transform],
                "mark": {"type": "circle", "size": 42, "stroke": "white", "strokeWidth": 1},
                "encoding": {**place, "fill": colour, "opacity": opacity, "tooltip": tooltip},
            },
        ],
        title=title,
    )


def _curves(column: str, title: str, ceiling: str, limits: tuple[str, str]) -> Specification:
    entropy = {"h_x": "H(X)", "h_y": "H(Y)"}[ceiling]
    return _over_epochs(
        column,
        f"{title}, {_NAMES[column]} (bits)",
        {"type": "quantitative", "scale": _scale(*limits, 6), "axis": {"title": None, "tickCount": 4, "grid": True}},
        _COLOUR,
        {"field": "dash", "type": "nominal", "scale": None},
        _opacity(1.0, 0.1),
        _opacity(0.18, 0.0),
        _TOOLTIP,
        _TEXTS,
        _ceiling("y", ceiling, entropy),
    )


def _accuracy() -> Specification:
    looks = {look.label: look for look in PARTS.values()}
    legend = {
        "orient": "bottom-right",
        "title": None,
        "symbolType": "stroke",
        "symbolStrokeWidth": 2,
        "offset": 4,
        "symbolOpacity": 1,
    }
    text = "format(100 * datum.accuracy, '.2f') + ' %'"
    limits = [f"format(100 * datum.accuracy_{end}, '.2f') + ' %'" for end in ("low", "high")]
    interval = f"' (95 % interval ' + {limits[0]} + ' to ' + {limits[1]} + ')'"
    return _over_epochs(
        "accuracy",
        "Accuracy",
        {
            "type": "quantitative",
            "scale": {**_scale("low_accuracy", "1", 6), "clamp": True},
            "axis": {"title": None, "labelExpr": "format(100 * datum.value, 'd') + ' %'", "tickCount": 4, "grid": True},
        },
        {
            "field": "key",
            "type": "nominal",
            "scale": {"domain": list(looks), "range": [look.colour for look in looks.values()]},
            "legend": legend,
        },
        {
            "field": "key",
            "type": "nominal",
            "scale": {"domain": list(looks), "range": [dash_pattern(look.dashes) for look in looks.values()]},
            "legend": legend,
        },
        {"value": 1.0},
        {"value": 0.15},
        [
            {"field": "key", "type": "nominal", "title": "Accuracy on"},
            {"field": "epoch", "type": "quantitative", "title": "Epoch", "format": "d"},
            {"field": "text", "type": "nominal", "title": "Accuracy"},
        ],
        [{"calculate": f"{text} + (isValid(datum.accuracy_low) ? {interval} : '')", "as": "text"}],
    )
