# On a cluster these run where Snakemake does: a second each, and little memory.
localrules:
    distributions,
    distributions_table,


# How the activity of every layer is distributed, and the bins that the estimators impose on it: an example, of one
# seed of every run.
rule distributions:
    input:
        ACTIVATIONS,
    output:
        DISTRIBUTIONS,
    log:
        f"{LOG}/distributions/{{run}}/{{block}}.log",
    benchmark:
        f"{BENCHMARK}/distributions/{{run}}/{{block}}.tsv"
    priority: 3
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **memory_and_time(
            lambda wildcards, threads: need.distributions(study.runs[wildcards.run])
        ),
    params:
        code=lambda _: code(
            "distributions",
            None,
            *[
                f"{estimator_module(name)}:METHOD"
                for name in first_binning_estimators()
            ],
        ),
        estimators=json.dumps(
            {
                name: json.loads(estimator.to_json())
                for name, estimator in first_binning_estimators().items()
            }
        ),
    shell:
        command(
            "python -m infoplane distributions --recording {input} --run {wildcards.run} "
            "--estimators {params.estimators:q} --output {output} > {log} 2>&1"
        )


rule distributions_table:
    input:
        [
            expand(DISTRIBUTIONS, run=run, block=names[0])
            for run, names in BLOCKS.items()
        ],
    output:
        table("distributions"),
    log:
        f"{LOG}/tables/distributions.log",
    benchmark:
        f"{BENCHMARK}/tables/distributions.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.collecting(study, "distributions")),
    params:
        code=code("collect"),
        files=lambda _: DISTRIBUTIONS,
        runs=" ".join(
            f"--runs {run} --blocks {names[0]}" for run, names in BLOCKS.items()
        ),
        seeds=study.seeds,
    shell:
        command(
            "python -m infoplane collect --files {params.files:q} {params.runs} "
            "--number-of-seeds {params.seeds} --output {output} > {log} 2>&1"
        )
