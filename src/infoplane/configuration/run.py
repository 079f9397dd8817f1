"""The keys of a run, and the settings that follow from them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from infoplane import activation_functions, datasets
from infoplane.configuration.keys import DISTINCT, Section, section
from infoplane.configuration.messages import allowed, shown
from infoplane.datasets.paths import path_of
from infoplane.errors import InfoplaneError
from infoplane.settings import Initialisation, RecordedEpochs, RecordedSettings, RunSettings, Split

_Count = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(gt=0, lt=1)]
_Option = Annotated[str | int | float | bool, WithJsonSchema({"type": ["string", "number", "boolean"]})]


class SplitKeys(Section):
    """The division into training and test samples."""

    fraction: _Share = Field(0.8, description="Share of the samples that are trained on.")
    seed: int = Field(0, ge=0, description="Seed of the shuffled split, the same for all runs and seeds.")
    order: Literal["shuffled", "ordered"] = Field(
        "shuffled", description="Whether the training samples are drawn at random or are the first ones."
    )
    stratified: bool = Field(False, description="Whether both parts get the same proportions of classes.")


class InitialisationKeys(Section):
    """How the weights are drawn."""

    scheme: Literal["truncated_normal", "glorot", "he", "orthogonal"] = Field(
        "truncated_normal", description="Distribution of the initial weights."
    )
    scale: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description=(
            "Factor of the standard deviation; null is the gain of the activation function for truncated_normal, else "
            "1."
        ),
    )


class SpacingKeys(Section):
    """A number of recorded epochs with their spacing."""

    spacing: Literal["log", "linear"] = Field(description="Spacing of the recorded epochs.")
    count: int = Field(ge=2, le=1000000, description="Number of points before those on the same epoch are merged.")


class RunKeys(Section):
    """Settings of the data set, the network and its training."""

    model_config = ConfigDict(title="settings")

    dataset: str = Field("szt", description="Name of the data set, one of those in src/infoplane/datasets.")
    dataset_options: dict[str, _Option] = Field(
        {}, description="Options of the data set, such as the path of a file or a seed."
    )
    split: SplitKeys = section("The division into training and test samples.")
    hidden_layers: list[_Count] = Field(
        [10, 7, 5, 4, 3], min_length=1, description="Number of units of each hidden layer."
    )
    activation: str | Annotated[list[str], Field(min_length=1)] = Field(
        "tanh", description="Activation function of the hidden layers, or a list with one for each."
    )
    batch_normalisation: bool = Field(
        False,
        description=(
            "Whether hidden layers are normalised over the mini-batch, before the activation function; up to half a "
            "mini-batch that is left over is then joined to the one before."
        ),
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Probability with which a hidden unit is dropped while training."
    )
    initialisation: InitialisationKeys = section("How the weights are drawn.")
    optimiser: Literal["adam", "sgd"] = Field("adam", description="The optimiser.")
    learning_rate: float = Field(4e-4, gt=0, description="Learning rate of the optimiser.")
    momentum: float = Field(0.0, ge=0, lt=1, description="Momentum of sgd; adam does not use it.")
    batch_size: _Count | Literal["full"] = Field(
        512, description="Samples per mini-batch, or full for all of them at once."
    )
    l2: float = Field(
        0.0,
        ge=0,
        description="Penalty of the loss, times the sum over penalised weight matrices of half their squared norm.",
    )
    weight_decay: float = Field(
        0.0, ge=0, description="Decoupled weight decay of the penalised layers, per step and learning rate."
    )
    penalised_layers: (
        Literal["hidden", "all"] | Annotated[list[_Count], Field(min_length=1, json_schema_extra=DISTINCT)]
    ) = Field(
        "hidden",
        description="Layers that l2 and weight_decay act on, counted from 1; hidden leaves out the output.",
    )
    epochs: int = Field(8000, ge=1, le=10000000, description="Number of epochs to train.")
    recorded_epochs: (
        Annotated[int, Field(ge=2, le=1000000)]
        | SpacingKeys
        | Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    ) = Field(
        400,
        description=(
            "Which epochs are kept - a number of log-spaced points, of which those that fall on the same epoch are "
            "kept once, or a spacing with its number of points, or a list of epochs. Epoch 0 and the last are always "
            "kept."
        ),
    )
    record_gradients: bool = Field(False, description="Whether the mean and the spread of the gradients are recorded.")
    study_seed: int = Field(
        0,
        ge=0,
        description=("Seed from which, together with its own number, every seed's random streams are derived."),
    )


class NamedRunKeys(RunKeys):
    """The settings in which a run differs from the defaults, or the files in which it is recorded."""

    model_config = ConfigDict(title="run")

    recorded: str | Annotated[list[str], Field(min_length=1, json_schema_extra=DISTINCT)] = Field(
        default_factory=str,
        description=(
            "For a run that is recorded instead of trained, the path of its file, or a list of paths; * and ? stand "
            "for any characters of a name. Such a run has no other key."
        ),
    )

    @property
    def is_recorded(self) -> bool:
        """Whether the run is recorded instead of trained."""
        return "recorded" in self.model_fields_set


def recorded_settings(keys: NamedRunKeys, where: str) -> RecordedSettings:
    """The settings of a run that is recorded. Raises InfoplaneError for other keys beside, or what is no path."""
    others = [key for key in type(keys).model_fields if key in keys.model_fields_set - {"recorded"}]
    if others:
        raise InfoplaneError(f"{where}.{others[0]} stands beside recorded; a run that is recorded has no other key")
    given = [keys.recorded] if isinstance(keys.recorded, str) else keys.recorded
    try:
        return RecordedSettings(tuple(dict.fromkeys(str(_without_wildcards(path_of(text))) for text in given)))
    except InfoplaneError as error:
        raise InfoplaneError(f"{where}.recorded: {error}") from None


def _without_wildcards(path: Path) -> Path:
    if re.search("[{}<>]", str(path)):
        raise InfoplaneError(
            f"the path {path} has braces or angle brackets, which Snakemake takes for wildcards; rename the "
            "file, or make a link to it under another name"
        )
    return path


def run_settings(keys: RunKeys, where: str) -> RunSettings:
    """The settings of a run that is trained. Raises InfoplaneError, which names the key, for what does not fit."""
    try:
        for path in datasets.files(keys.dataset, **keys.dataset_options):
            _without_wildcards(path)
    except InfoplaneError as error:
        raise InfoplaneError(f"{where}.dataset: {error}") from None
    hidden = tuple(keys.hidden_layers)
    if isinstance(keys.activation, list) and len(keys.activation) != len(hidden):
        raise InfoplaneError(
            f"{where}.activation has {len(keys.activation)} entries; it must be one name or {len(hidden)}, one for "
            "each of hidden_layers"
        )
    names = tuple(keys.activation) if isinstance(keys.activation, list) else (keys.activation,) * len(hidden)
    for name in names:
        if name not in activation_functions.ACTIVATION_FUNCTIONS:
            known = activation_functions.ACTIVATION_FUNCTIONS
            raise InfoplaneError(f"{where}.activation is {shown(name)}; {allowed(name, known)}")
    if keys.batch_normalisation and keys.batch_size == 1:
        raise InfoplaneError(
            f"{where}.batch_size is 1, and one sample has no variance; with batch_normalisation it must be at least 2"
        )
    if isinstance(keys.penalised_layers, str):
        penalised = tuple(range(1, len(hidden) + (1 if keys.penalised_layers == "hidden" else 2)))
    elif max(keys.penalised_layers) > len(hidden) + 1:
        raise InfoplaneError(
            f"{where}.penalised_layers has {max(keys.penalised_layers)}; the network has the layers 1 to "
            f"{len(hidden) + 1}"
        )
    else:
        penalised = tuple(sorted(keys.penalised_layers))
    split = keys.split
    return RunSettings(
        dataset=keys.dataset,
        dataset_options=tuple(sorted(keys.dataset_options.items())),
        split=Split(split.fraction, split.seed, split.order, split.stratified),
        hidden_layers=hidden,
        activations=names,
        batch_normalisation=keys.batch_normalisation,
        dropout=keys.dropout,
        initialisation=Initialisation(keys.initialisation.scheme, keys.initialisation.scale),
        optimiser=keys.optimiser,
        learning_rate=keys.learning_rate,
        momentum=keys.momentum,
        batch_size=None if keys.batch_size == "full" else keys.batch_size,
        l2=keys.l2,
        weight_decay=keys.weight_decay,
        penalised_layers=penalised,
        epochs=keys.epochs,
        recorded_epochs=_recorded_epochs(keys.recorded_epochs, keys.epochs, where),
        record_gradients=keys.record_gradients,
        study_seed=keys.study_seed,
    )


def _recorded_epochs(value: Any, epochs: int, where: str) -> RecordedEpochs:
    if isinstance(value, SpacingKeys):
        return RecordedEpochs(value.spacing, value.count)
    if isinstance(value, list):
        if max(value) > epochs:
            raise InfoplaneError(f"{where}.recorded_epochs has {max(value)}; the run ends at epoch {epochs}")
        return RecordedEpochs("list", epochs=tuple(sorted(set(value))))
    return RecordedEpochs("log", value)
