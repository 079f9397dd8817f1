rule activations:
    input:
        dataset_files,
        weights=WEIGHTS,
    output:
        activations=ACTIVATIONS if study.keep_activations else temp(ACTIVATIONS),
        layers=LAYERS,
        metrics=METRICS,
    log:
        f"{LOG}/activations/{{run}}/{{block}}.log",
    benchmark:
        f"{BENCHMARK}/activations/{{run}}/{{block}}.tsv"
    priority: 2
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **memory_and_time(
            lambda wildcards, threads: need.activations(
                study.runs[wildcards.run], seeds_of(wildcards), threads=threads
            ),
            lambda wildcards: GPU,
        ),
        gpu=GPU,
        device=study.device,
    params:
        settings=run_settings,
        code=lambda wildcards: code("activations", wildcards.run),
    shell:
        command(
            "python -m infoplane activations --weights {input.weights} --settings {params.settings:q} "
            "--device {resources.device} --layers {output.layers} --metrics {output.metrics} --output {output.activations} > {log} 2>&1"
        )
