# The claims under other settings of the analysis. The variants of the estimators are computed as scans; no table of the
# study itself has them.
rule sensitivity:
    input:
        tested_files,
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
            lambda wildcards, threads: need.of_sensitivity(study, wildcards.estimator)
        ),
    params:
        code=code_of_claims("sensitivity"),
        files=lambda _: INFORMATION,
        scans=lambda _: SCANS.replace("{scan}", "{estimator}"),
        runs=runs_and_blocks(),
        seeds=study.seeds,
        variants=lambda wildcards: json.dumps(tested(wildcards.estimator)),
        rules=json.dumps(study.claims, sort_keys=True),
        chosen=json.dumps(
            {
                "bounds": study.sensitivity.bounds,
                "measures": study.sensitivity.measures,
                "stopping": study.sensitivity.stopping,
            }
        ),
        resampling=resampling_settings(),
    shell:
        command(
            "python -m infoplane sensitivity --files {params.files:q} --scans {params.scans:q} {params.runs} "
            "--number-of-seeds {params.seeds} --training {input.training} --layers {input.layers} "
            "--variants {params.variants:q} --rules {params.rules:q} --chosen {params.chosen:q} "
            "--resampling {params.resampling:q} --output {output} > {log} 2>&1"
        )


rule sensitivity_tables:
    input:
        lambda _: expand(SENSITIVITY, estimator=study.estimators),
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
