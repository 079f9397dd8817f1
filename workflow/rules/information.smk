rule information:
    input:
        ACTIVATIONS,
    output:
        INFORMATION,
    log:
        f"{LOG}/information/{{run}}/{{block}}/{{estimator}}.log",
    benchmark:
        f"{BENCHMARK}/information/{{run}}/{{block}}/{{estimator}}.tsv"
    priority: 3
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **memory_and_time(
            lambda wildcards, threads: need.information(
                study.runs[wildcards.run],
                seeds_of(wildcards),
                ESTIMATORS[wildcards.estimator],
                device_of(wildcards),
            ),
            lambda wildcards: gpus(device_of(wildcards)),
        ),
        gpu=lambda wildcards: gpus(device_of(wildcards)),
        device=device_of,
    params:
        code=lambda wildcards: code(
            "information",
            None,
            f"{estimator_module(wildcards.estimator)}:METHOD",
        ),
        estimator=lambda wildcards: ESTIMATORS[wildcards.estimator].to_json(),
    shell:
        command(
            "python -m infoplane information --recording {input} --run {wildcards.run} "
            "--name {wildcards.estimator} --estimator {params.estimator:q} "
            "--device {resources.device} --output {output} > {log} 2>&1"
        )
