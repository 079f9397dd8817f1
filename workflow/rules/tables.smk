# On a cluster these two run where Snakemake does: seconds each, and less than 500 MB in a study of the paper's size.
localrules:
    training_table,
    layers_table,


# The files of all runs and blocks, joined. The files are named by their parts: a large study has more of them than
# fit on a command line.
rule training_table:
    input:
        of_all_runs(METRICS),
    output:
        table("training"),
    log:
        f"{LOG}/tables/training.log",
    benchmark:
        f"{BENCHMARK}/tables/training.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.collecting(study, "training")),
    params:
        code=code("collect"),
        files=lambda _: METRICS,
        runs=runs_and_blocks(),
        seeds=study.seeds,
    shell:
        command(
            "python -m infoplane collect --files {params.files:q} {params.runs} "
            "--number-of-seeds {params.seeds} --output {output} > {log} 2>&1"
        )


rule layers_table:
    input:
        of_all_runs(LAYERS),
    output:
        table("layers"),
    log:
        f"{LOG}/tables/layers.log",
    benchmark:
        f"{BENCHMARK}/tables/layers.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.collecting(study, "layers")),
    params:
        code=code("collect"),
        files=lambda _: LAYERS,
        runs=runs_and_blocks(),
        seeds=study.seeds,
    shell:
        command(
            "python -m infoplane collect --files {params.files:q} {params.runs} "
            "--number-of-seeds {params.seeds} --output {output} > {log} 2>&1"
        )


rule information_table:
    input:
        of_all_runs(INFORMATION, estimator=study.estimators),
    output:
        directory(table("information")),
    log:
        f"{LOG}/tables/information.log",
    benchmark:
        f"{BENCHMARK}/tables/information.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.collecting(study, "information")),
    params:
        code=code("collect"),
        files=lambda _: INFORMATION,
        runs=runs_and_blocks(),
        seeds=study.seeds,
        estimators=list(study.estimators),
    shell:
        command(
            "python -m infoplane collect --files {params.files:q} {params.runs} --estimators {params.estimators} "
            "--number-of-seeds {params.seeds} --output {output} > {log} 2>&1"
        )
