# A recording that the study names: every value is checked before anything is made of it.
rule recorded:
    input:
        recording_of,
    output:
        layers=LAYERS,
        metrics=METRICS,
    log:
        f"{LOG}/recorded/{{run}}/{{block}}.log",
    benchmark:
        f"{BENCHMARK}/recorded/{{run}}/{{block}}.tsv"
    wildcard_constraints:
        run=one_of(RECORDED),
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda wildcards, threads: need.checking(work_of(wildcards))),
    params:
        code=code("recorded"),
    shell:
        command(
            "python -m infoplane recorded --recording {input} --run {wildcards.run} --layers {output.layers} "
            "--metrics {output.metrics} > {log} 2>&1"
        )
