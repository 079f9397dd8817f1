rule information:
    input:
        dataset_files,
        activations=ACTIVATIONS,
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
        mem_mb=2000,
        runtime=60,
        gpu=GPU,
        device=study.device,
    params:
        settings=run_settings,
        code=lambda wildcards: code(
            "information:information",
            wildcards.run,
            f"{estimator_module(wildcards.estimator)}:METHOD",
        ),
        estimator=lambda wildcards: study.estimators[wildcards.estimator].to_json(),
    shell:
        "python -m infoplane information --activations {input.activations} --settings {params.settings:q} "
        "--name {wildcards.estimator} --estimator {params.estimator:q} "
        "--device {resources.device} --output {output} > {log} 2>&1"
