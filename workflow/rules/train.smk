rule train:
    input:
        dataset_files,
    output:
        WEIGHTS,
    log:
        f"{LOG}/train/{{run}}/{{block}}.log",
    benchmark:
        f"{BENCHMARK}/train/{{run}}/{{block}}.tsv"
    wildcard_constraints:
        run=one_of(study.runs),
    # The dumps of one run are used before those of the next are made.
    priority: 1
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **memory_and_time(
            lambda wildcards, threads: need.training(
                study.runs[wildcards.run],
                seeds_of(wildcards),
                threads=threads,
                gpus=GPU,
            ),
            lambda wildcards: GPU,
        ),
        gpu=GPU,
        device=study.device,
    params:
        settings=run_settings,
        code=lambda wildcards: code("train", wildcards.run),
    shell:
        command(
            "python -m infoplane train --run {wildcards.run} --seeds {wildcards.block} --settings {params.settings:q} "
            "--device {resources.device} --output {output} > {log} 2>&1"
        )
