"""The command line: one subcommand per rule of the workflow, which calls one function of `stages`.

Snakemake calls these; a person may as well. Each imports its stage only when it is called.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from infoplane.errors import InfoplaneError
from infoplane.settings import Block, EstimatorSettings, RunSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage; the exit code is 0, or 1 after a sentence on standard error."""
    given = _parser().parse_args(arguments)
    call: Callable[[argparse.Namespace], None] = given.call
    try:
        call(given)
    except InfoplaneError as error:
        print(f"infoplane: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        # A full disk, a folder that cannot be written: the user's to mend, and no fault of the program.
        print(f"infoplane: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"infoplane: there is not enough memory: {error or 'none is left'}", file=sys.stderr)
        return 1
    return 0


def _train(given: argparse.Namespace) -> None:
    from infoplane.stages.train import train

    train(given.run, given.settings, given.seeds, given.device, given.output, given.checkpoint_seconds)


def _activations(given: argparse.Namespace) -> None:
    from infoplane.stages.activations import activations

    activations(given.settings, given.device, given.weights, given.output, given.layers)


def _information(given: argparse.Namespace) -> None:
    from infoplane.stages.information import information

    information(given.settings, given.name, given.estimator, given.device, given.activations, given.output)


def _distributions(given: argparse.Namespace) -> None:
    from infoplane.stages.distributions import distributions

    distributions(given.settings, given.estimators, given.activations, given.output)


def _training_table(given: argparse.Namespace) -> None:
    from infoplane.stages.tables import training_table

    training_table(_files(given), given.number_of_seeds, given.output)


def _collect(given: argparse.Namespace) -> None:
    from infoplane.stages.tables import collect

    collect(_files(given, given.estimators), given.number_of_seeds, given.output)


def _compression(given: argparse.Namespace) -> None:
    from infoplane.stages.statistics import compression_table

    compression_table(given.information, given.training, given.output)


def _summary(given: argparse.Namespace) -> None:
    from infoplane.stages.statistics import summary_table

    summary_table(given.compression, given.confidence, given.output)


def _correlation(given: argparse.Namespace) -> None:
    from infoplane.stages.statistics import correlation_table

    correlation_table(given.compression, given.confidence, given.resamples, given.resampling_seed, given.output)


def _effects(given: argparse.Namespace) -> None:
    from infoplane.stages.statistics import effects_table

    effects_table(given.compression, given.confidence, given.resamples, given.resampling_seed, given.output)


def _components(given: argparse.Namespace) -> None:
    from infoplane.stages.statistics import components_table

    components_table(given.compression, given.confidence, given.output)


def _seeds(given: argparse.Namespace) -> None:
    from infoplane.stages.statistics import seeds_table

    seeds_table(given.compression, given.confidence, given.resamples, given.resampling_seed, given.width, given.output)


def _phases(given: argparse.Namespace) -> None:
    from infoplane.stages.statistics import phases_table

    phases_table(
        given.information, given.training, given.confidence, given.resamples, given.resampling_seed, given.output
    )


def _claims(given: argparse.Namespace) -> None:
    from infoplane.stages.statistics import claims_tables

    tables = (given.compression, given.information, given.layers)
    resampling = (given.confidence, given.resamples, given.resampling_seed)
    claims_tables(*tables, given.rules, *resampling, given.output, given.parts, given.text)


def _sensitivity(given: argparse.Namespace) -> None:
    from infoplane.stages.sensitivity import sensitivity

    files, fixed = (_files(given, [name]) if name else [] for name in (given.estimator, given.fixed))
    tables = (given.number_of_seeds, given.training, given.layers)
    settings = (given.variant, given.rules, given.chosen, given.resampling)
    sensitivity(files, fixed, *tables, *settings, given.output)


def _sensitivity_tables(given: argparse.Namespace) -> None:
    from infoplane.stages.sensitivity import sensitivity_tables

    sensitivity_tables(given.files, given.output, given.summary, given.factors, given.text)


def _figure(given: argparse.Namespace) -> None:
    from infoplane.stages.figures import figure

    settings = {name: getattr(given, name) for name in ("confidence", "measure") if getattr(given, name) is not None}
    figure(given.name, given.estimator or None, settings, given.tables, given.output)


def _animation(given: argparse.Namespace) -> None:
    from infoplane.stages.figures import animation

    animation(given.estimator, given.run or None, given.information, given.training, given.output)


def _explorer(given: argparse.Namespace) -> None:
    from infoplane.stages.explorer import explorer

    explorer(given.study, given.information, given.training, given.output)


def _overview(given: argparse.Namespace) -> None:
    from infoplane.stages.report import overview

    overview(given.study, given.training, given.summary, given.claims, given.parts, given.output, given.page)


def _readme(given: argparse.Namespace) -> None:
    from infoplane.stages.readme import readme

    sources = (given.figures, given.explorer, given.view, given.claims, given.provenance)
    readme(given.study, *sources, given.folder, given.output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infoplane", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="stage")

    def add(name: str, call: Callable[[argparse.Namespace], None], description: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=description, description=description)
        command.set_defaults(call=call)
        return command

    def add_settings(command: argparse.ArgumentParser) -> None:
        command.add_argument("--settings", type=_json(RunSettings.from_json), required=True, help="of the run, as JSON")
        command.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")

    train = add("train", _train, "train all seeds of a block and write their weights")
    train.add_argument("--run", required=True, help="name of the run")
    train.add_argument("--seeds", type=_block, required=True, help="block of seeds, such as seeds_0-9")
    train.add_argument("--checkpoint-seconds", type=float, default=60.0, help="at most so much work is lost")
    add_settings(train)

    activations = add("activations", _activations, "dump the activity of every layer")
    activations.add_argument("--weights", type=Path, required=True)
    activations.add_argument("--layers", type=Path, required=True, help="where the table of layers goes")
    add_settings(activations)

    information = add("information", _information, "estimate I(T;X) and I(T;Y)")
    information.add_argument("--activations", type=Path, required=True)
    information.add_argument("--name", required=True, help="name of the estimator")
    information.add_argument("--estimator", type=_json(EstimatorSettings.from_json), required=True, help="as JSON")
    add_settings(information)

    distributions = add("distributions", _distributions, "say how activity is distributed and binned")
    distributions.add_argument("--activations", type=Path, required=True)
    distributions.add_argument("--settings", type=_json(RunSettings.from_json), required=True, help="of the run")
    distributions.add_argument("--estimators", type=_json(_estimators), required=True, help="by name, as JSON")

    for name, call, description in (
        ("training-table", _training_table, "collect the histories of weights files"),
        ("collect", _collect, "join tables of the same columns"),
        ("sensitivity", _sensitivity, "put the claims to the test under every setting of one estimator"),
    ):
        command = add(name, call, description)
        # Lists of names instead of files: a study may have more files than fit on a command line.
        command.add_argument("--files", required=True, help="path with {run}, {block} and perhaps {estimator}")
        command.add_argument("--runs", nargs="+", action="append", required=True, help="runs of the same blocks")
        command.add_argument("--blocks", nargs="+", action="append", required=True, help="the blocks of these runs")
        command.add_argument("--number-of-seeds", type=int, required=True, help="what blocks have beyond is left out")
    commands.choices["collect"].add_argument("--estimators", nargs="+", default=[""])

    for name, call, description in (
        ("compression", _compression, "measure compression"),
        ("phases", _phases, "locate the phases of the mean trajectory"),
    ):
        command = add(name, call, description)
        command.add_argument("--information", type=Path, required=True)
        command.add_argument("--training", type=Path, required=True)

    for name, call, description in (
        ("compression-summary", _summary, "summarise compression over seeds"),
        ("correlation", _correlation, "correlate compression with generalisation"),
        ("effects", _effects, "compare runs with a penalty with those without"),
        ("variance-components", _components, "divide variance between activation functions and seeds"),
        ("seeds-needed", _seeds, "say how many seeds an interval takes"),
        ("claims", _claims, "put the claims to the test"),
    ):
        add(name, call, description).add_argument("--compression", type=Path, required=True)
    commands.choices["seeds-needed"].add_argument("--width", type=float, default=0.1, help="of the interval")

    claims = commands.choices["claims"]
    claims.add_argument("--information", type=Path, required=True)
    claims.add_argument("--layers", type=Path, required=True)
    claims.add_argument("--rules", required=True, help="of the verdicts, as JSON")
    claims.add_argument("--parts", type=Path, required=True, help="where the table of the claims' parts goes")
    claims.add_argument("--text", type=Path, required=True, help="where the claims go as Markdown")

    sensitivity = commands.choices["sensitivity"]
    sensitivity.add_argument("--estimator", required=True)
    sensitivity.add_argument("--fixed", default="", help="its counterpart with one range of bins for all layers")
    sensitivity.add_argument("--training", type=Path, required=True)
    sensitivity.add_argument("--layers", type=Path, required=True)
    for name, description in (
        ("variant", "base, varied, value and settings of the estimator"),
        ("chosen", "bounds, measures and stopping"),
        ("resampling", "confidence, resamples and resampling_seed"),
        ("rules", "of the verdicts"),
    ):
        sensitivity.add_argument(f"--{name}", type=_json(json.loads), required=True, help=f"{description}, as JSON")

    joined = add("sensitivity-tables", _sensitivity_tables, "join the claims under all settings and count verdicts")
    joined.add_argument("--files", type=Path, nargs="+", required=True)
    joined.add_argument("--summary", type=Path, required=True, help="where the table of shares of verdicts goes")
    joined.add_argument("--factors", type=Path, required=True, help="where the table of what verdicts turn on goes")
    joined.add_argument("--text", type=Path, required=True, help="where both go as Markdown")

    resampled = ("correlation", "effects", "seeds-needed", "phases", "claims")
    for name in ("compression-summary", "variance-components", *resampled):
        commands.choices[name].add_argument("--confidence", type=float, default=0.95)
    for name in resampled:
        commands.choices[name].add_argument("--resamples", type=int, default=2000, help="of bootstrap and permutation")
        commands.choices[name].add_argument("--resampling-seed", type=int, default=0)

    figure = add("figure", _figure, "draw one figure")
    figure.add_argument("--name", required=True)
    figure.add_argument("--estimator", default="", help="for the figures that each estimator has its own of")
    figure.add_argument("--confidence", type=float, help="of the intervals, for the figures that have any")
    figure.add_argument("--measure", help="of compression, for the figures that show it")
    figure.add_argument("--tables", type=Path, nargs="+", required=True)

    animation = add("animation", _animation, "animate the information plane")
    animation.add_argument("--estimator", required=True)
    animation.add_argument("--run", default="", help="one run alone instead of all")
    animation.add_argument("--information", type=Path, required=True)
    animation.add_argument("--training", type=Path, required=True)

    for name, call, description in (
        ("explorer", _explorer, "write the page to explore the information planes in"),
        ("overview", _overview, "write the report's front page and its page of claims"),
    ):
        command = add(name, call, description)
        command.add_argument("--study", required=True, help="name of the study")
        command.add_argument("--training", type=Path, required=True)
    commands.choices["explorer"].add_argument("--information", type=Path, required=True)
    overview = commands.choices["overview"]
    overview.add_argument("--summary", type=Path, required=True, help="of compression")
    overview.add_argument("--claims", type=Path, required=True)
    overview.add_argument("--parts", type=Path, required=True, help="of the claims")
    overview.add_argument("--page", type=Path, required=True, help="where the claims go as HTML")

    readme = add("readme", _readme, "take README.md's pictures and claims from a finished study")
    readme.add_argument("--study", required=True, help="name of the study")
    readme.add_argument("--figures", type=Path, nargs="+", required=True, help="as PNG")
    readme.add_argument("--explorer", type=Path, required=True)
    readme.add_argument("--view", required=True, help="of the explorer, as its address has it after the #")
    readme.add_argument("--claims", type=Path, required=True, help="as Markdown")
    readme.add_argument("--provenance", type=Path, required=True, help="of the claims")
    readme.add_argument("--folder", type=Path, required=True, help="where the pictures go")

    for name, command in commands.choices.items():
        command.add_argument("--output", type=Path, required=True, nargs="+" if name == "figure" else None)
    return parser


def _files(given: argparse.Namespace, estimators: Sequence[str] = ("",)) -> list[Path]:
    """The files of every combination of run, its blocks and estimators, in the order given."""
    if len(given.runs) != len(given.blocks):
        raise InfoplaneError(f"--runs is given {len(given.runs)} times; --blocks must be given as often")
    return [
        Path(given.files.format(run=run, block=block, estimator=estimator))
        for runs, blocks in zip(given.runs, given.blocks, strict=True)
        for run, estimator, block in itertools.product(runs, estimators, blocks)
    ]


def _json(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def checked(text: str) -> Any:
        try:
            return parse(text)
        except (ValueError, KeyError, TypeError) as error:
            raise argparse.ArgumentTypeError(f"{text[:60]!r} is not settings as this version writes them") from error

    return checked


def _estimators(text: str) -> dict[str, EstimatorSettings]:
    return {name: EstimatorSettings(**entry) for name, entry in json.loads(text).items()}


def _block(text: str) -> Block:
    try:
        return Block.parse(text)
    except InfoplaneError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
