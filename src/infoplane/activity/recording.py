"""A recording: the activity of a network's layers, and all that an estimator or a table needs beside it.

It is the one contract between networks and what is said of them: whoever writes such a file, our trainer or another
program, everything after it works the same. An HDF5 file with

attribute `recording`       1, the version of this layout
seeds (seed,)               whole numbers, one for each network
epochs (epoch,)             ascending whole numbers, when the networks were recorded; 0 is the initial state
labels (sample,)            whole numbers, the class of each sample
layer<n>/activity           (seed, epoch, sample, unit); layers count from 1, the output is the last

and, where they are known,

diverged_epoch (seed,)      the first epoch at which a network is no more to be used; -1 for those that may be
input_ids (sample,)         whole numbers that are equal for equal inputs; without them all inputs are distinct
inputs (sample, feature)    what the network saw
part (sample,)              0 for samples of the training part, 1 for those of the test part
metrics/<name>              (seed, epoch): train_loss, test_loss, train_accuracy, test_accuracy, or any other by name
layer_statistics/<name>     (seed, epoch, layer), such as weight_norm
layer<n>/minimum, maximum   (seed, epoch), the extremes of the layer's activity over samples and units
layer<n>/varying_units      (seed, epoch): how many units do not have the same activity for all samples

A group layer<n> may have the attributes `name`, a text; `lower_bound`, a value that the layer's activity is bounded
below by and that counts as a state of its own (0 for ReLU); and `function_range`, the two ends of the range of a
function that saturates at both (-1 and 1 for tanh). What we write has checksums and says what it was made with.
docs/recording.md shows how to write one with h5py alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from infoplane.errors import InfoplaneError
from infoplane.files import hdf5, storage
from infoplane.files.arrays import whole_numbers
from infoplane.settings import NOT_RECORDED

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

VERSION = 1
TRAINING, TEST = 0, 1
PARTS = {"all": (TRAINING, TEST), "training": (TRAINING,), "test": (TEST,)}
"""The parts of the samples that information is estimated over, and the values of `part` that belong to each."""

_EXTREMES = ("minimum", "maximum", "varying_units")
_LAYOUT = hdf5.Layout(
    "recording",
    {
        "seeds": ("seed",),
        "epochs": ("epoch",),
        "labels": ("sample",),
        "layer#/activity": ("seed", "epoch", "sample", "unit of layer #"),
    },
    {
        "diverged_epoch": ("seed",),
        "input_ids": ("sample",),
        "inputs": ("sample", "feature"),
        "part": ("sample",),
        "metrics/*": ("seed", "epoch"),
        "layer_statistics/*": ("seed", "epoch", "layer"),
        **{f"layer#/{name}": ("seed", "epoch") for name in _EXTREMES},
    },
)
# Bytes of activity that are held at once.
_SLAB_BYTES = 64 * 2**20
# Inputs are kept where they take less; larger ones can be had again from the data set.
_LARGEST_INPUTS = 16 * 2**20


@dataclass(frozen=True, slots=True)
class RecordedLayer:
    """What is known of a layer beside its activity; see the attributes of a group layer<n>."""

    name: str
    lower_bound: float | None = None
    function_range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Samples:
    """What the samples are: `labels`, and if known `input_ids`, `inputs` and `part`, one entry for each sample."""

    labels: NDArray[np.int64]
    input_ids: NDArray[np.int64] | None = None
    inputs: NDArray[Any] | None = None
    part: NDArray[np.int64] | None = None


class Writer:
    """Takes the activity of layers, epoch by epoch, of a recording that is being made."""

    def __init__(self, file: h5py.File, layers: Sequence[RecordedLayer], seeds: int, epochs: int) -> None:
        self._file, self._layers = file, layers
        self._extremes = {name: np.full((len(layers), seeds, epochs), np.nan, np.float32) for name in _EXTREMES}

    def add(self, layer: int, epoch: int, activity: NDArray[np.float32]) -> None:
        """The activity (seeds, samples, units) of a layer, from 0, at the recorded epoch of this number, from 0."""
        name = f"layer{layer + 1}"
        if name not in self._file:
            shape = (activity.shape[0], self._extremes["minimum"].shape[2], *activity.shape[1:])
            self._file.create_dataset(
                f"{name}/activity", shape, np.float32, chunks=(1, 1, *activity.shape[1:]), fletcher32=True
            )
            about = self._layers[layer]
            attributes = self._file[name].attrs
            attributes["name"] = np.bytes_(about.name.encode())
            if about.lower_bound is not None:
                attributes["lower_bound"] = about.lower_bound
            if about.function_range is not None:
                attributes["function_range"] = about.function_range
        self._file[f"{name}/activity"][:, epoch] = activity
        self._extremes["minimum"][layer, :, epoch] = activity.min(axis=(1, 2))
        self._extremes["maximum"][layer, :, epoch] = activity.max(axis=(1, 2))
        self._extremes["varying_units"][layer, :, epoch] = varying_units(activity)

    def finish(self) -> None:
        for name, values in self._extremes.items():
            for layer, of_layer in enumerate(values, start=1):
                storage.write_array(self._file, f"layer{layer}/{name}", of_layer)


@contextmanager
def create_recording(
    path: Path,
    made_with: Mapping[str, Any],
    *,
    seeds: NDArray[np.int64],
    epochs: NDArray[np.int64],
    diverged_epoch: NDArray[np.int64],
    samples: Samples,
    layers: Sequence[RecordedLayer],
    metrics: Mapping[str, NDArray[np.float64]],
    layer_statistics: Mapping[str, NDArray[np.float64]],
) -> Iterator[Writer]:
    """A new recording, which appears under its name when it is whole; `made_with` is its provenance."""
    with storage.create(path, "recording", made_with) as file:
        file.attrs["recording"] = VERSION
        arrays: dict[str, NDArray[Any]] = {"seeds": seeds, "epochs": epochs, "diverged_epoch": diverged_epoch}
        arrays["labels"] = samples.labels
        if samples.input_ids is not None:
            arrays["input_ids"] = samples.input_ids
        if samples.inputs is not None and samples.inputs.nbytes <= _LARGEST_INPUTS:
            arrays["inputs"] = samples.inputs
        if samples.part is not None:
            arrays["part"] = samples.part
        arrays |= {f"metrics/{name}": values for name, values in metrics.items()}
        arrays |= {f"layer_statistics/{name}": values for name, values in layer_statistics.items()}
        for name, values in arrays.items():
            storage.write_array(file, name, values)
        writer = Writer(file, layers, len(seeds), len(epochs))
        yield writer
        writer.finish()


def varying_units(activity: NDArray[Any]) -> NDArray[np.float32]:
    """How many units of (seeds, samples, units) do not have the same activity for all samples: (seeds,).

    NaN where an activity is not finite: a network that diverged says nothing.
    """
    smallest, largest = activity.min(axis=1), activity.max(axis=1)
    known = (np.isfinite(smallest) & np.isfinite(largest)).all(axis=-1)
    return np.where(known, np.count_nonzero(largest > smallest, axis=-1), np.nan).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Extremes:
    """Of every layer the extremes over samples and units, and how many units vary: each (seed, epoch, layer)."""

    minimum: NDArray[Any]
    maximum: NDArray[Any]
    varying_units: NDArray[Any]


class Recording:
    """A recording that is open for reading.

    `made_with` is its provenance, {} of a file that is not ours; `run` the name of its run, None if it does not say.
    `samples` is without the inputs, see `inputs`. `metrics` and `layer_statistics` are by name. Arrays are as in the
    file, with whole numbers as int64.
    """

    def __init__(self, file: h5py.File, path: Path) -> None:
        self._file, self.path = file, path
        self.sealed = "kind" in file.attrs or "provenance" in file.attrs
        self._check_layout()
        self.made_with = storage.read_provenance(file) if self.sealed else {}
        self.run = self.made_with.get("run")
        self.seeds, self.epochs = self._whole("seeds"), self._whole("epochs")
        for name, values in (("seeds", self.seeds), ("epochs", self.epochs)):
            distinct, counts = np.unique(values, return_counts=True)
            if (counts > 1).any():
                raise self._fault(f"{name} holds {distinct[counts > 1][0]} twice; each may be there once")
            if distinct[0] < 0:
                raise self._fault(f"{name} holds {distinct[0]}; the least that is allowed is 0")
        if (np.diff(self.epochs) < 0).any():
            raise self._fault("epochs are not in ascending order")
        never = np.full(len(self.seeds), -1, dtype=np.int64)
        self.diverged_epoch = self._whole("diverged_epoch") if "diverged_epoch" in file else never
        self.samples = Samples(
            self._whole("labels"),
            self._whole("input_ids") if "input_ids" in file else None,
            part=self._whole("part") if "part" in file else None,
        )
        if not any(self.usable(seed) for seed in range(len(self.seeds))):
            raise self._fault("every network diverged before its first recorded epoch, so there is nothing to estimate")
        if self.samples.part is not None and (wrong := set(self.samples.part.tolist()) - {TRAINING, TEST}):
            raise self._fault(
                f"part holds {min(wrong)}; allowed are {TRAINING} for the training part and {TEST} for the test part"
            )
        count = sum(re.fullmatch("layer[0-9]+", name) is not None for name in file)
        self.layers = tuple(self._layer(f"layer{number}") for number in range(1, count + 1))
        self.metrics = self._named("metrics")
        self.layer_statistics = self._named("layer_statistics")

    def _fault(self, sentence: str) -> InfoplaneError:
        return InfoplaneError(f"{self.path}: {sentence}")

    def _check_layout(self) -> None:
        version = self._file.attrs.get("recording")
        if not isinstance(version, int | np.integer):
            raise self._fault(
                f"this file is no recording: its attribute `recording` must be {VERSION}, the version of the layout "
                "that it follows (docs/recording.md)"
            )
        if version != VERSION:
            newer = "a newer layout" if version > VERSION else "no layout that there is"
            raise self._fault(f"recording is {version}, {newer}; this version reads {VERSION}")
        if self.sealed:
            storage.check_sealed(self._file, self.path, _LAYOUT)
            return
        try:
            for number in range(1, 1 + sum(re.fullmatch("layer[0-9]+", name) is not None for name in self._file)):
                if f"layer{number}/activity" not in self._file:
                    raise ValueError(f"there is no layer{number}/activity")
            hdf5.check(self._file, _LAYOUT, sealed=False)
        except ValueError as error:
            raise self._fault(f"{error} (docs/recording.md has the layout of a recording)") from error

    def _whole(self, name: str) -> NDArray[np.int64]:
        data = self._file[name]
        try:
            return whole_numbers(data[:], name, len(data)).astype(np.int64)
        except InfoplaneError as error:
            raise self._fault(str(error)) from error

    def _named(self, group: str) -> dict[str, NDArray[np.float64]]:
        found = {name: values[:] for name, values in self._file.get(group, {}).items()}
        for name in found:
            if re.fullmatch("[a-zA-Z][a-zA-Z0-9_]{0,63}", name) is None:
                raise self._fault(f"{group} has {name[:80]!r}; a name has letters, digits and _, a letter first")
        return found

    def _layer(self, group: str) -> RecordedLayer:
        attributes = self._file[group].attrs

        def read(name: str) -> Any:
            try:
                return attributes.get(name)
            except (OSError, TypeError, ValueError) as error:
                raise self._fault(f"the attribute {name} of {group} cannot be read ({error})") from error

        name, bound, ends = read("name"), read("lower_bound"), read("function_range")
        if isinstance(name, bytes | np.bytes_):
            name = bytes(name).decode(errors="replace")
        if name is not None and not (isinstance(name, str) and 0 < len(name) <= 80 and name.isprintable()):
            raise self._fault(f"the attribute name of {group} must be a text of at most 80 printable characters")
        numbers = [np.asarray(values) for values in (bound, ends) if values is not None]
        if any(values.dtype.kind not in "iuf" or not np.isfinite(values).all() for values in numbers):
            raise self._fault(f"lower_bound and function_range of {group} must be finite numbers")
        if bound is not None and np.size(bound) != 1:
            raise self._fault(f"lower_bound of {group} has {np.size(bound)} numbers; it must be one")
        if ends is not None and (np.shape(ends) != (2,) or not ends[0] < ends[1]):
            raise self._fault(f"function_range of {group} must be two numbers, the first below the second")
        return RecordedLayer(
            name or group,
            None if bound is None else float(np.ravel(bound)[0]),
            None if ends is None else (float(ends[0]), float(ends[1])),
        )

    def inputs(self) -> NDArray[Any] | None:
        """(samples, features), None where the file has none; read when asked for, since they may be large."""
        return self._file["inputs"][:] if "inputs" in self._file else None

    @property
    def units(self) -> tuple[int, ...]:
        """The number of units of each layer."""
        return tuple(self._file[f"layer{number}/activity"].shape[3] for number in range(1, len(self.layers) + 1))

    def usable(self, seed: int) -> int:
        """How many of the recorded epochs come before the network of this number, from 0, diverged."""
        diverged = self.diverged_epoch[seed]
        return int(np.count_nonzero((self.epochs < diverged) | (diverged < 0)))

    def activity(self, layer: int, seed: int, epochs: slice | NDArray[np.int64]) -> NDArray[Any]:
        """(epochs, samples, units) of a layer and a network, both counted from 0, in the machine's byte order."""
        values: NDArray[Any] = self._file[f"layer{layer + 1}/activity"][seed, epochs]
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def slabs(
        self, layer: int, seed: int, epochs: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        """The activity at these recorded epochs, counted from 0 and ascending, in pieces of little memory."""
        data = self._file[f"layer{layer + 1}/activity"]
        at_once = max(1, _SLAB_BYTES // (data.dtype.itemsize * data.shape[2] * data.shape[3]))
        for first in range(0, len(epochs), at_once):
            part = epochs[first : first + at_once]
            in_a_row = part[-1] - part[0] == len(part) - 1
            yield part, self.activity(layer, seed, slice(part[0], part[-1] + 1) if in_a_row else part)

    def extremes(self) -> Extremes:
        """The extremes of every layer: as the file has them, else from its activity.

        Raises InfoplaneError for activity that is not finite at an epoch at which the network had not diverged.
        """
        names = [f"layer{number}" for number in range(1, len(self.layers) + 1)]
        if all(f"{layer}/{name}" in self._file for layer in names for name in _EXTREMES) and self.sealed:
            found = [np.stack([self._file[f"{layer}/{name}"][:] for layer in names], axis=-1) for name in _EXTREMES]
            return Extremes(*found)
        shape = (len(self.seeds), len(self.epochs), len(names))
        minimum, maximum, varying = (np.full(shape, np.nan) for _ in _EXTREMES)
        for seed in range(len(self.seeds)):
            for layer, name in enumerate(names):
                for part, values in self.slabs(layer, seed, np.arange(self.usable(seed))):
                    at = (seed, part, layer)
                    minimum[at], maximum[at] = values.min(axis=(1, 2)), values.max(axis=(1, 2))
                    varying[at] = varying_units(values)
                    broken = np.flatnonzero(~(np.isfinite(minimum[at]) & np.isfinite(maximum[at])))
                    if broken.size:
                        raise self._fault(
                            f"{name}/activity of seed {self.seeds[seed]} holds NaN or infinity at epoch "
                            f"{self.epochs[part][broken[0]]}; diverged_epoch may name the epoch from which a network "
                            "is not to be used"
                        )
        return Extremes(minimum, maximum, varying)


@contextmanager
def open_recording(path: Path) -> Iterator[Recording]:
    """A recording, to read. Raises InfoplaneError, naming file and field, if it is missing, damaged or not right.

    That its activity is finite is found out by `Recording.extremes`.
    """
    with storage.open_hdf5(path, "recording (docs/recording.md)", mend="it must be made again") as file:
        yield Recording(file, path)


def descriptions(recording: Recording, run: str) -> dict[str, Any]:
    """What tables say of a run beside its name: columns and values; "not recorded", NaN or 0 where it does not say.

    The data set is called after the run, so that runs whose data are not known are not taken for runs on the same data.
    """
    said = recording.made_with.get("description")
    known: dict[str, Any] = said if isinstance(said, dict) else {}
    unknown = {
        "dataset": f"that of {run}",
        "activation": NOT_RECORDED,
        "hidden_layers": "-".join(map(str, recording.units[:-1])),
        "l2": np.nan,
        "weight_decay": np.nan,
        "learning_rate": np.nan,
        "batch_size": 0,
        "epochs": int(recording.epochs[-1]),
    }
    return {name: known.get(name, value) for name, value in unknown.items()}


def part_indices(recording: Recording, part: str) -> NDArray[np.int64] | None:
    """The samples of a part, None for all of them. Raises InfoplaneError if it has none or the file does not say."""
    if part == "all":
        return None
    if recording.samples.part is None:
        raise InfoplaneError(f"{recording.path}: there is no part, which says which samples are of the {part} part")
    found = np.flatnonzero(np.isin(recording.samples.part, PARTS[part]))
    if not found.size:
        raise InfoplaneError(f"{recording.path}: part names no sample of the {part} part")
    return found
