"""Stage `train`: data set -> weights of every recorded epoch, for one run and block of seeds."""

from __future__ import annotations

from pathlib import Path

from infoplane import datasets
from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.runtime.progress import Progress
from infoplane.settings import Block, RunSettings
from infoplane.stages.common import Device, load_dataset, resolve_device
from infoplane.training import train_block

__all__ = ["train"]


def train(
    run: str,
    seeds: Block,
    settings: RunSettings,
    output: Path,
    device: Device = "auto",
    checkpoint_seconds: float = 60.0,
) -> None:
    """Train all seeds of a block and write weights, history and layer statistics.

    Raises InfoplaneError if the data set makes a study impossible; what is odd about it goes with the weights.
    What is killed resumes from the checkpoint beside `output`, which is at most `checkpoint_seconds` old.
    """
    dataset = load_dataset(settings)
    data_notes = datasets.notes(dataset, settings)
    training_part, test_part = datasets.split(dataset, settings.split)
    device = resolve_device(device)
    output.parent.mkdir(parents=True, exist_ok=True)
    with Progress(f"train {run} {seeds}", settings.epochs, "epochs") as progress:
        record = train_block(
            settings,
            seeds.seeds,
            dataset.inputs,
            dataset.labels,
            training_part,
            test_part,
            device=device,
            checkpoint=output.with_suffix(".checkpoint"),
            checkpoint_seconds=checkpoint_seconds,
            on_progress=lambda done, _: progress.to(done),
        )
    made_with = provenance(
        run=run, settings=settings.to_json(), dataset_digest=dataset.digest, data_notes=data_notes, device=device
    )
    with storage.create(output, "weights", made_with) as file:
        for name in ("seeds", "epochs", "diverged_epoch"):
            storage.write_array(file, name, getattr(record, name))
        for group, arrays in (
            ("parameters", record.parameters),
            ("history", record.history),
            ("layer_statistics", record.layer_statistics),
        ):
            for name, values in arrays.items():
                storage.write_array(file, f"{group}/{name}", values)
