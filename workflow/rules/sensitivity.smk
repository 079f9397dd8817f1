# The claims under other settings of the analysis. The variants of the estimators are estimators as the others are, with
# jobs of the rule `information`; no table of the study itself has them.
rule sensitivity:
    input:
        lambda wildcards: of_all_runs(INFORMATION, estimator=wildcards.estimator),
        fixed_files,
        training=table("training"),
        layers=table("layers"),
    output:
        SENSITIVITY,
    log:
        f"{LOG}/sensitivity/{{estimator}}.log",
    benchmark:
        f"{BENCHMARK}/sensitivity/{{estimator}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(
            lambda wildcards, threads: need.of_sensitivity(
                study, ESTIMATORS[wildcards.estimator]
            )
        ),
    params:
        code=code_of_claims("sensitivity"),
        files=lambda _: INFORMATION,
        runs=runs_and_blocks(),
        seeds=study.seeds,
        fixed=lambda wildcards: [
            f"--fixed={study.sensitivity.fixed[name]}"
            for name in [wildcards.estimator]
            if name in study.sensitivity.fixed
        ],
        variant=variant_settings,
        rules=json.dumps(study.claims, sort_keys=True),
        chosen=json.dumps(
            {
                "bounds": study.sensitivity.bounds,
                "measures": study.sensitivity.measures,
                "stopping": study.sensitivity.stopping,
            }
        ),
        resampling=statistics_settings("confidence", "resamples", "resampling_seed"),
    shell:
        command(
            "python -m infoplane sensitivity --files {params.files:q} {params.runs} "
            "--estimator {wildcards.estimator} {params.fixed} --number-of-seeds {params.seeds} "
            "--training {input.training} --layers {input.layers} --variant {params.variant:q} --rules {params.rules:q} "
            "--chosen {params.chosen:q} --resampling {params.resampling:q} --output {output} > {log} 2>&1"
        )


rule sensitivity_tables:
    input:
        lambda _: expand(SENSITIVITY, estimator=ESTIMATORS),
    output:
        table=in_report("sensitivity"),
        provenance=table("sensitivity", ".provenance.json"),
        summary=in_report("sensitivity_summary"),
        summary_provenance=table("sensitivity_summary", ".provenance.json"),
        factors=in_report("sensitivity_factors"),
        factors_provenance=table("sensitivity_factors", ".provenance.json"),
        text=table("sensitivity", ".md"),
    log:
        f"{LOG}/sensitivity.log",
    benchmark:
        f"{BENCHMARK}/sensitivity.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.drawing(study, [])),
    params:
        code=code("sensitivity-tables"),
    shell:
        command(
            "python -m infoplane sensitivity-tables --files {input} --output {output.table} "
            "--summary {output.summary} --factors {output.factors} --text {output.text} > {log} 2>&1"
        )
