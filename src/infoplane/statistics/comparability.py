"""Which runs are otherwise equal: one key of all settings of a run but those that may differ.

A setting that is added to RunSettings belongs to every key, unless it is named here. `record_gradients` is in none: it
changes what is recorded, and no number that is compared. `recorded_epochs` changes no weight either, but the largest
I(T;X) over the recorded epochs and their last tenth, and so every measure of compression: it counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from infoplane.errors import InfoplaneError
from infoplane.settings import RunSettings

PENALTIES = ("l2", "weight_decay")
# What makes a penalty: how large it is, and the layers that it acts on.
_OF_PENALTIES = (*PENALTIES, "penalised_layers")
_OF_ACTIVATIONS = ("activations",)
_WITHOUT_EFFECT = ("record_gradients",)

# run -> its settings; None for a run that was recorded elsewhere, of which no settings are known
SettingsOfRuns = Mapping[str, RunSettings | None]


def is_penalised(settings: RunSettings | None) -> bool:
    """Whether the run has a penalty on its weights, as far as is known."""
    return settings is not None and any(getattr(settings, name) > 0 for name in PENALTIES)


def baseline_of(run: str, settings: SettingsOfRuns) -> tuple[str | None, str]:
    """The run without a penalty that equals `run` in every other setting, or None and why there is none."""
    mine = settings[run]
    if mine is None:
        return None, "not estimable: the run was recorded, and its settings are not known"
    own = _key(mine, _OF_PENALTIES)
    known = {name: other for name, other in settings.items() if other is not None and not is_penalised(other)}
    found = [name for name, other in known.items() if _key(other, _OF_PENALTIES) == own]
    if len(found) == 1:
        return found[0], "ok"
    if not found:
        return None, "not estimable: no run without a penalty is otherwise equal"
    return None, f"not estimable: {len(found)} runs without a penalty are otherwise equal ({', '.join(found)})"


def families(settings: SettingsOfRuns) -> list[list[str]]:
    """The runs without a penalty in groups that differ in nothing but their activation functions, in order."""
    found: dict[tuple[object, ...], list[str]] = {}
    for run, own in settings.items():
        if own is not None and not is_penalised(own):
            found.setdefault(_key(own, (*_OF_ACTIVATIONS, *_OF_PENALTIES)), []).append(run)
    return list(found.values())


def settings_of(runs: Sequence[str], settings: SettingsOfRuns) -> dict[str, RunSettings | None]:
    """The settings of these runs. Raises InfoplaneError if those of one are not known."""
    missing = [run for run in runs if run not in settings]
    if missing:
        raise InfoplaneError(
            f"The settings of the run {missing[0]!r} are not known; known are those of {', '.join(settings) or 'none'}."
        )
    return {run: settings[run] for run in runs}


def _key(settings: RunSettings, may_differ: Sequence[str]) -> tuple[object, ...]:
    left_out = {*may_differ, *_WITHOUT_EFFECT}
    return tuple(getattr(settings, field.name) for field in dataclasses.fields(settings) if field.name not in left_out)
