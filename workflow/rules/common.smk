# The study, the paths of its files, and what the rules share.
import itertools
import json
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

SOURCE = Path(workflow.basedir) / "src"
sys.path.insert(0, str(SOURCE))

from infoplane.workflow import blocks, environment, housekeeping, recordings
from infoplane import claims, configuration, datasets, stages, statistics
from infoplane.workflow import resources as need
from infoplane.errors import InfoplaneError
from infoplane.workflow.code import digest, digest_of_files
from infoplane.estimators import METHODS
from infoplane.figures import FIGURES
from infoplane.settings import Block

environment.run_this_checkout(SOURCE)

CONFIGURED_IN = " + ".join(path.name for path in map(Path, workflow.configfiles))

try:
    if workflow.is_main_process:
        for path in map(Path, workflow.configfiles):
            configuration.refuse_repeated_keys(path)
    # The rules below and the report see the configuration as it is meant, too.
    config = configuration.with_texts_read(config, workflow.config_settings.config)
    study = configuration.load(config, source=CONFIGURED_IN)
except InfoplaneError as error:
    sys.exit(f"infoplane: {error}")

# Who runs on a cluster has the plugin.
if find_spec("snakemake_executor_plugin_slurm"):
    from infoplane.workflow import slurm

    slurm.install(study.name)

RESULTS = f"results/{study.name}"
WEIGHTS = f"{RESULTS}/weights/{{run}}/{{block}}.h5"
SCANS = f"{RESULTS}/scans/{{run}}/{{block}}/{{scan}}.parquet"
ACTIVATIONS = f"{RESULTS}/activations/{{run}}/{{block}}.h5"
LAYERS = f"{RESULTS}/activations/{{run}}/{{block}}.layers.parquet"
METRICS = f"{RESULTS}/activations/{{run}}/{{block}}.metrics.parquet"
DISTRIBUTIONS = f"{RESULTS}/activations/{{run}}/{{block}}.distributions.parquet"
INFORMATION = f"{RESULTS}/information/{{run}}/{{block}}/{{estimator}}.parquet"
# The tables of the study by name: those of the claims and of the section `sensitivity` are for who asks for them.
TABLES = {
    **{
        name: f"{RESULTS}/tables/{name}.parquet"
        for name in statistics.JOINED
        if study.scans or name not in statistics.OF_SCANS
    },
    **{
        name: f"{RESULTS}/tables/{name}.csv"
        for name in [
            *statistics.TABLES,
            *(claims.TABLES if study.claims else []),
            *(claims.OF_SENSITIVITY if study.sensitivity.enabled else []),
        ]
    },
}
SENSITIVITY = f"{RESULTS}/sensitivity/{{estimator}}.parquet"
# The scans that the study asks for, and those that the section `sensitivity` needs.
SCANNED = {**study.scans, **study.sensitivity.scans}
EXPLORER = f"{RESULTS}/explorer.html"
CONFIGURATION = f"{RESULTS}/configuration.yaml"
FRONT_PAGE = f"{RESULTS}/report/front_page.rst"
CLAIMS_PAGE = f"{RESULTS}/report/claims.html"
LOG = f"{RESULTS}/logs"
BENCHMARK = f"{RESULTS}/benchmarks"
# The file name of every figure, with the figure and, where each estimator has its own, the estimator.
FIGURE_FILES = {
    f"{name}-{estimator}" if estimator else name: (name, estimator)
    for name, figure in FIGURES.items()
    if set(figure.tables) <= set(TABLES)
    for estimator in (
        (study.scans if figure.of_scans else study.estimators)
        if figure.per_estimator
        else [""]
    )
}
# The names of each run's blocks, which depend on what is finished.
BLOCKS = {
    run: [
        str(block)
        for block in blocks.choose_in(
            Path(RESULTS, "weights", run), settings, study.seeds, study.seeds_per_job
        )
    ]
    for run, settings in study.runs.items()
}
# What makes a study impossible is said before anything is trained; a run that is trained needs its data no more.
if workflow.is_main_process:
    try:
        datasets.check_planned(
            {
                run: study.runs[run]
                for run, names in BLOCKS.items()
                if not all(map(os.path.isfile, expand(WEIGHTS, run=run, block=names)))
            }
        )
    except InfoplaneError as error:
        sys.exit(f"infoplane: {CONFIGURED_IN}: {error}")
# The files of the runs that are recorded instead of trained, by run and block: all is said of them before any job.
try:
    RECORDED = recordings.of_study(study)
except InfoplaneError as error:
    sys.exit(f"infoplane: {CONFIGURED_IN}: {error}")
BLOCKS |= {run: list(of_run) for run, of_run in RECORDED.items()}
# Other processes of Snakemake run one job each, of a block that was chosen before, whose file may be gone just now.
BLOCK = (
    "|".join(sorted(set(itertools.chain(*BLOCKS.values()))))
    if workflow.is_main_process
    else r"[\w.-]+"
)


def one_of(names):
    """A pattern that only these names match."""
    return "|".join(map(re.escape, names)) or "(?!)"


def gpus(device):
    """The number of GPUs of a job: a study for the CPU alone must not wait for one."""
    return 0 if device == "cpu" else 1


# Without a limit on gpu, local runs ignore the number.
GPU = gpus(study.device)


wildcard_constraints:
    run=one_of(BLOCKS),
    block=BLOCK,
    estimator=one_of(study.estimators),
    scan=one_of(SCANNED),
    figure=one_of(FIGURE_FILES),


def memory_and_time(needed, gpus=lambda wildcards: 0):
    """The resources of a rule, from its need as a function of wildcards and threads; each attempt asks for more."""
    return {
        "mem_mb": lambda wildcards, threads, attempt: need.memory(
            needed(wildcards, threads), attempt, gpus(wildcards)
        ),
        "runtime": lambda wildcards, threads, attempt: need.minutes(
            needed(wildcards, threads), attempt
        ),
    }


def seeds_of(wildcards):
    """The number of seeds of the block."""
    if wildcards.run in RECORDED:
        return len(RECORDED[wildcards.run][wildcards.block].seeds)
    return len(Block.parse(wildcards.block).seeds)


def work_of(wildcards):
    """What the memory and time of a job depend on: the settings of the run, or its recording."""
    if wildcards.run in RECORDED:
        return RECORDED[wildcards.run][wildcards.block]
    return study.runs[wildcards.run]


def recording_of(wildcards):
    """The recording of a block: of our own network, or a file that the study names."""
    if wildcards.run in RECORDED:
        return str(RECORDED[wildcards.run][wildcards.block].path)
    return ACTIVATIONS.format(run=wildcards.run, block=wildcards.block)


def checked(wildcards):
    """What there is once every value of a recording is known to be right: our own are."""
    made = LAYERS.format(run=wildcards.run, block=wildcards.block)
    return made if wildcards.run in RECORDED else []


def device_of(method):
    """Where information is estimated: methods that use no GPU do not wait for one."""
    return study.device if METHODS[method].uses_gpu else "cpu"


def resources_of_method(entry):
    """The resources of a rule that estimates information, from its estimator or scan as a function of wildcards."""

    def device(wildcards):
        return device_of(entry(wildcards).method)

    return {
        **memory_and_time(
            lambda wildcards, threads: need.information(
                work_of(wildcards),
                seeds_of(wildcards),
                entry(wildcards),
                device(wildcards),
            ),
            lambda wildcards: gpus(device(wildcards)),
        ),
        "gpu": lambda wildcards: gpus(device(wildcards)),
        "device": device,
    }


def run_settings(wildcards):
    """The settings of the run, as text: all that its rules depend on."""
    return study.runs[wildcards.run].to_json()


def code(name, run=None, *others):
    """A digest of the code that a command uses; others are found by name while it runs."""
    roots = ["infoplane.cli:main", stages.commands()[name]]
    roots += [f"infoplane.{other}" for other in others]
    if run is None:
        return digest(roots, source=SOURCE)
    settings = study.runs[run]
    roots.append(f"infoplane.datasets.{settings.dataset}:load")
    return digest(roots, source=SOURCE, entries=settings.activations)


def command(text):
    """The command of a rule, which Snakemake compares with that of the last run: blanks make no difference."""
    return " ".join(text.split())


def templates(package):
    """A digest of the files beside the code of a package that shape its pages."""
    found = sorted((SOURCE / "infoplane" / package).iterdir())
    return digest_of_files(
        path for path in found if path.suffix in (".html", ".css", ".js")
    )


def method_module(method):
    """The module of a method, within the package."""
    return METHODS[method].estimate.__module__.removeprefix("infoplane.")


def code_of_method(name, method):
    """The digest of the code of a command that estimates information by a method."""
    return code(name, None, f"{method_module(method)}:METHOD")


def looks():
    """The looks of the study's methods, within the package: those who draw find them by name."""
    entries = [*study.estimators.values(), *study.scans.values()]
    modules = {method_module(entry.method) for entry in entries}
    return [f"{module}:LOOK" for module in sorted(modules)]


def first_binning_estimators():
    """The first estimator of each method that sorts activity into bins, by name."""
    first = {}
    for name, estimator in study.estimators.items():
        if METHODS[estimator.method].bins is not None:
            first.setdefault(estimator.method, name)
    return {name: study.estimators[name] for name in first.values()}


def dataset_files(wildcards):
    """The files that the run's data set is read from; none for those that are generated."""
    run = study.runs[wildcards.run]
    return [
        str(path) for path in datasets.files(run.dataset, **dict(run.dataset_options))
    ]


def of_all_runs(pattern, **others):
    """The files of every run and its blocks."""
    return [
        path
        for run, names in BLOCKS.items()
        for path in expand(pattern, run=run, block=names, **others)
    ]


def runs_and_blocks():
    """Every run and its blocks as options of a command; successive runs of the same blocks share them."""
    return " ".join(
        f"--runs {' '.join(runs)} --blocks {' '.join(names)}"
        for names, runs in itertools.groupby(BLOCKS, key=BLOCKS.get)
    )


def source_of(name):
    """Where the information of an estimator is that the section `sensitivity` asks for: the scan, and its value there."""
    variant = study.sensitivity.variants.get(name)
    return (variant.scan, json.dumps(variant.value)) if variant else ("", "")


def tested(estimator):
    """An estimator and its variants: what each is, and where its information and that of its counterpart is."""
    variants = {
        name: variant
        for name, variant in study.sensitivity.variants.items()
        if variant.base == estimator
    }
    found = {}
    for name in [estimator, *variants]:
        varied = variants.get(name)
        fixed = study.sensitivity.fixed.get(name)
        found[name] = {
            "base": estimator,
            "varied": varied.key if varied else "",
            "value": json.dumps(varied.value) if varied else "",
            "settings": (
                varied.settings if varied else study.estimators[name]
            ).settings,
            "source": source_of(name),
            "fixed": {"name": fixed, "source": source_of(fixed)} if fixed else None,
        }
    return found


def tested_files(wildcards):
    """The tables of information and of scans that the claims are tested on."""
    entries = tested(wildcards.estimator).items()
    sources = [(name, entry["source"]) for name, entry in entries]
    sources += [
        (entry["fixed"]["name"], entry["fixed"]["source"])
        for _, entry in entries
        if entry["fixed"]
    ]
    return [
        path
        for name, (scan, _) in dict.fromkeys(sources)
        for path in (
            of_all_runs(SCANS, scan=scan)
            if scan
            else of_all_runs(INFORMATION, estimator=name)
        )
    ]


def table(name, ending=None):
    """The path of a table."""
    return (
        TABLES[name] if ending is None else str(Path(TABLES[name]).with_suffix(ending))
    )


def beside(names):
    """The paths of the provenance of those of the tables that are CSV."""
    return [
        table(name, ".provenance.json")
        for name in names
        if table(name).endswith(".csv")
    ]


def in_report(name, path=None):
    """The path of a table that the report carries."""
    return report(
        path or table(name),
        caption="../report/table.rst",
        category="Tables",
        labels={"table": name},
    )


def made(wildcards):
    """What the table's module says about itself."""
    return statistics.TABLES[wildcards.table]


def tables_of_statistics(local):
    """The tables that are made where Snakemake runs, or the others, as a pattern."""
    return "|".join(
        name for name, made in statistics.TABLES.items() if made.local == local
    )


def statistics_settings(*names):
    """These settings of the statistics, as text."""
    return json.dumps({name: getattr(study, name) for name in names})


def part_option():
    """The part of the samples that is spoken of, as an option of a command."""
    return f"--part={study.part}" if study.part != "all" else ""


def resampling_settings():
    """How the claims are tested, as text; the part of the samples only if it is not all."""
    names = ["confidence", "resamples", "resampling_seed"]
    return statistics_settings(*names, *(["part"] if study.part != "all" else []))


def code_of_claims(command):
    """The digest of the code of a command that judges the claims."""
    named = [claims.CLAIMS[name].module for name in study.claims["hypotheses"]]
    roots = [
        f"{name}:{part}" for name in named for part in ("parts", "STATEMENT", "PARTS")
    ]
    return code(command, None, *roots)


def figure_of(wildcards):
    """What the figure's module says about itself."""
    return FIGURES[FIGURE_FILES[wildcards.figure][0]]


def figure_options(wildcards):
    """The options of the command that draws the figure; of the settings of the statistics those that it uses."""
    figure, estimator = figure_of(wildcards), FIGURE_FILES[wildcards.figure][1]
    values = {"confidence": study.confidence, "measure": study.primary_measure}
    used = {"name": figure.name, **{name: values[name] for name in figure.settings}}
    if estimator:
        used["estimator"] = estimator
    return [f"--{name}={value}" for name, value in used.items()]


def figure_labels(wildcards):
    """By what the report lists the figure."""
    figure, estimator = figure_of(wildcards), FIGURE_FILES[wildcards.figure][1]
    return {
        "figure": figure.title,
        "estimator": estimator or "–",
        "in the paper": figure.paper or "–",
    }


def notes_on_data():
    """What is odd about the data sets of the study, a line for each thing."""
    return datasets.notes_of_runs(study.runs)


def finished_text(path):
    """The content of a small file of results; empty if it is not made yet."""
    return Path(path).read_text(encoding="utf-8") if Path(path).is_file() else ""


def targets():
    """What `snakemake` makes: every table, every figure asked for, the explorer and the words of the report."""
    figures = [
        f"{RESULTS}/figures/{file}.svg"
        for file, (name, _) in FIGURE_FILES.items()
        if name in study.figures
    ]
    return [
        *map(table, TABLES),
        *figures,
        EXPLORER,
        CONFIGURATION,
        FRONT_PAGE,
        *([CLAIMS_PAGE] if study.claims else []),
    ]
