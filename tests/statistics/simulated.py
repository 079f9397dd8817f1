"""Tables of a study that never was, in the form in which the pipeline writes them; for tests only."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from infoplane.claims import CLAIMS
from infoplane.claims.parts import Rules
from infoplane.claims.sensitivity import sensitivity_summary, settings_of_estimator, stopped
from infoplane.estimators import METHODS
from infoplane.settings import Initialisation, RecordedEpochs, RunSettings, Split
from infoplane.statistics.series import owners_of

H_X, H_Y = 12.0, 0.999157
ACTIVATIONS = ("tanh", "relu", "abs", "prelu", "elu", "softplus", "centered_softplus", "swish")


def described(method: str, **settings: object) -> tuple[str, tuple[str, ...], str]:
    """The method, its bounds, and the words that it writes beside its numbers."""
    known = METHODS[method]
    completed = {name: schema["default"] for name, schema in known.settings.items()} | settings
    return method, ("none",) if known.bins else ("upper", "lower"), known.describe(completed)


ESTIMATORS = {
    "fixed": described("fixed_binning"),
    "ebab": described("ebab"),
    "ebab_bins_10": described("ebab", bins=10),
    "kde": described("kde"),
    "adaptive_kde": described("adaptive_kde"),
}
# Those of a study that asks for no others.
USUAL = ("fixed", "ebab", "kde", "adaptive_kde")


def runs(activations: tuple[str, ...] = ACTIVATIONS, penalties: tuple[float, ...] = (0.015,)) -> pd.DataFrame:
    """One row of settings per run: every activation function without a penalty, and ReLU with each."""
    chosen = [(name, name, 0.0) for name in activations] + [(f"relu-l2-{l2:g}", "relu", l2) for l2 in penalties]
    return pd.DataFrame(
        {
            "run": [name for name, _, _ in chosen],
            "dataset": "szt",
            "activation": [activation for _, activation, _ in chosen],
            "hidden_layers": "10-7-5-4-3",
            "l2": [l2 for _, _, l2 in chosen],
            "weight_decay": 0.0,
            "learning_rate": 4e-4,
            "batch_size": 512,
            "epochs": 1000,
        }
    )


def settings_of(tables: dict[str, pd.DataFrame]) -> dict[str, RunSettings]:
    """All settings of every run of a study, as the provenance of its tables has them."""
    first = tables["training"].drop_duplicates("run")
    return {
        row["run"]: RunSettings(
            dataset=row["dataset"],
            dataset_options=(),
            split=Split(0.8, 0, "shuffled", stratified=False),
            hidden_layers=tuple(map(int, row["hidden_layers"].split("-"))),
            activations=(row["activation"],) * len(row["hidden_layers"].split("-")),
            batch_normalisation=False,
            dropout=0.0,
            initialisation=Initialisation("truncated_normal", None),
            optimiser="adam",
            learning_rate=row["learning_rate"],
            momentum=0.0,
            batch_size=row["batch_size"],
            l2=row["l2"],
            weight_decay=row["weight_decay"],
            penalised_layers=(1, 2, 3, 4, 5) if row["l2"] > 0 else (),
            epochs=row["epochs"],
            recorded_epochs=RecordedEpochs("log", 60),
            record_gradients=False,
            study_seed=0,
        )
        for row in first.to_dict("records")
    }


def provenance_of(tables: dict[str, pd.DataFrame]) -> dict[str, object]:
    """What a joined table of a study says of itself, as far as the statistics read it."""
    known = settings_of(tables)
    return {"sources": {f"{run}/seeds_0-9": {"run": run, "settings": own.to_json()} for run, own in known.items()}}


def recorded_epochs(last: int = 1000, count: int = 60) -> np.ndarray:
    """Log-spaced, with 0 and the last."""
    return np.unique(np.floor(np.geomspace(1, last + 1, count)).astype(np.int64) - 1)


def study(
    settings: pd.DataFrame | None = None,
    *,
    seeds: int = 6,
    layers: int = 6,
    estimators: tuple[str, ...] = USUAL,
    epochs: np.ndarray | None = None,
    diverged: dict[tuple[str, int], int] | None = None,
    dead: dict[tuple[str, int], int] | None = None,
) -> dict[str, pd.DataFrame]:
    """The tables training, information and layers; `diverged` maps (run, seed) to the epoch of divergence.

    `dead` maps (run, seed) to the first layer that is dead from epoch 1 on; those after it are dead as well.
    """
    settings = runs() if settings is None else settings
    epochs = recorded_epochs() if epochs is None else epochs
    diverged, dead = diverged or {}, dead or {}
    progress = np.log1p(epochs) / np.log1p(epochs[-1])
    training, information, by_layer = [], [], []
    for index, (_, run) in enumerate(settings.iterrows()):
        for seed in range(seeds):
            random = np.random.default_rng([index, seed])
            since = diverged.get((run["run"], seed), -1)
            learned = progress ** random.uniform(2, 5)
            accuracy = 0.5 + random.uniform(0.4, 0.5) * learned
            gap = random.uniform(0, 0.06) * progress**4
            history = {
                "train_loss": 0.7 - 0.65 * learned,
                "train_accuracy": accuracy,
                "test_loss": 0.7 - 0.6 * learned + gap,
                "test_accuracy": accuracy - gap,
            }
            dies = dead.get((run["run"], seed), layers + 1)
            if dies <= layers:
                history = {name: np.full(len(epochs), 0.69 if "loss" in name else 0.5) for name in history}
            if since >= 0:
                history = {name: np.where(epochs >= since, np.nan, values) for name, values in history.items()}
            keys = {**run, "seed": seed}
            training.append(pd.DataFrame({**keys, "epoch": epochs, **history, "diverged_epoch": since}))
            for layer in range(1, layers + 1):
                start = H_X - max(layer - 2, 0) * random.uniform(0.8, 1.6)
                loss = (layer - 1) / layers * random.uniform(0.0, 0.9) * (1 + 30 * run["l2"])
                wave = progress * (1 - progress) * 2 * (layer > 2)
                i_tx = np.clip(start + wave - loss * start * progress**3, 0.05, H_X)
                i_ty = H_Y * (0.35 + 0.6 * learned) * (1 - 0.04 * layer)
                scale = 1 + 5 * progress * random.uniform(0.5, 1.5)
                varying = np.full(len(epochs), 3.0)
                if layer >= dies:
                    # All but a few samples are mapped to one point at the start, all of them later.
                    i_tx = np.where(epochs == 0, 0.007, 0.0)
                    i_ty = np.zeros(len(epochs))
                    varying = np.where(epochs == 0, 1.0, 0.0)
                if since >= 0:
                    varying = np.where(epochs >= since, np.nan, varying)
                by_layer.append(
                    pd.DataFrame(
                        {
                            **keys,
                            "epoch": epochs,
                            "layer": layer,
                            "activity_minimum": -0.1 * scale,
                            "activity_maximum": np.ones(len(epochs)) if layer == layers else scale * layer,
                            "varying_units": varying,
                            "weight_norm": scale,
                            "gradient_mean_norm": np.exp(-3 * progress) * random.uniform(0.5, 1.5),
                            "gradient_sd_norm": np.exp(-1 * progress),
                        }
                    )
                )
                for estimator in estimators:
                    method, bounds, assumption = ESTIMATORS[estimator]
                    for bound in bounds:
                        part = i_tx * (0.75 if bound == "lower" else 1.0) * (0.9 if estimator == "fixed" else 1.0)
                        if since >= 0:
                            part = np.where(epochs >= since, np.nan, part)
                        information.append(
                            pd.DataFrame(
                                {
                                    **keys,
                                    "epoch": epochs,
                                    "layer": layer,
                                    "n_layers": layers,
                                    "estimator": estimator,
                                    "method": method,
                                    "bound": bound,
                                    "assumption": assumption,
                                    "i_tx": part,
                                    "i_ty": np.minimum(i_ty, part),
                                    "i_ty_shuffled": np.nan,
                                    "varying_units": varying,
                                    "h_x": H_X,
                                    "h_y": H_Y,
                                }
                            )
                        )
    return {
        "training": pd.concat(training, ignore_index=True),
        "information": pd.concat(information, ignore_index=True),
        "layers": pd.concat(by_layer, ignore_index=True),
    }


RULES = Rules(
    estimator="ebab",
    bound="upper",
    measure="drop",
    generalisation="test_accuracy",
    significance=0.05,
    negligible={"drop": 0.05, "balance": 0.0, "final": 0.05},
    negligible_share=0.1,
    strong_variation=0.5,
    flat=0.1,
    negligible_correlation=0.3,
    hypotheses=tuple(CLAIMS),
    most_compressing="tanh",
    different=("softplus", "centered_softplus"),
    without_phases="relu",
    fixed=None,
)


def sensitivity(
    tables: dict[str, pd.DataFrame], rules: Rules = RULES, shares: tuple[float, ...] = (0.5, 1.0), number: int = 200
) -> dict[str, pd.DataFrame]:
    """The tables of the section `sensitivity`; estimators such as "ebab_bins_10" count as variants of "ebab"."""
    information, owners = tables["information"], owners_of(tables["layers"])
    settings = {"bounds": ("upper", "lower"), "measures": ("drop", "balance", "final"), "number": number}

    def of(estimator: str) -> list:
        rows = information[information["estimator"] == estimator]
        return stopped((of_run for _, of_run in rows.groupby("run", sort=False)), tables["training"], shares)

    parts = []
    for estimator in information["estimator"].unique():
        base, _, value = estimator.partition("_bins_")
        fixed = of("fixed") if "fixed" in set(information["estimator"]) else None
        table = settings_of_estimator(
            of(estimator), fixed, owners, rules, settings_of(tables), shares=shares, **settings
        )
        primary = (table["estimator"] == rules.estimator) & (table["measure"] == rules.measure)
        primary &= (table["stopping"] == 1) & table["bound"].isin([rules.bound, "none"])
        own = {"bins": int(value or 30)} if estimator[:3] != "kde" else {"noise_variance": 0.001}
        described = {"base": base, "varied": "bins" if value else "", "value": value, "settings": json.dumps(own)}
        parts.append(table.assign(primary=primary, **described))
    joined = pd.concat(parts, ignore_index=True)
    summary, factors = sensitivity_summary(joined)
    return {"sensitivity": joined, "sensitivity_summary": summary, "sensitivity_factors": factors}
