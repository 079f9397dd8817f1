rule information:
    input:
        checked,
        recording=recording_of,
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
        **resources_of_method(lambda wildcards: study.estimators[wildcards.estimator]),
    params:
        code=lambda wildcards: code_of_method(
            "information", study.estimators[wildcards.estimator].method
        ),
        estimator=lambda wildcards: study.estimators[wildcards.estimator].to_json(),
        parts=study.parts,
    shell:
        command(
            "python -m infoplane information --recording {input.recording} --run {wildcards.run} "
            "--name {wildcards.estimator} --estimator {params.estimator:q} --parts {params.parts} "
            "--device {resources.device} --output {output} > {log} 2>&1"
        )


# Several values of one setting in one pass.
rule scan:
    input:
        checked,
        recording=recording_of,
    output:
        SCANS,
    log:
        f"{LOG}/scans/{{run}}/{{block}}/{{scan}}.log",
    benchmark:
        f"{BENCHMARK}/scans/{{run}}/{{block}}/{{scan}}.tsv"
    priority: 3
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        **resources_of_method(lambda wildcards: SCANNED[wildcards.scan]),
    params:
        code=lambda wildcards: code_of_method("scan", SCANNED[wildcards.scan].method),
        settings=lambda wildcards: SCANNED[wildcards.scan].to_json(),
        parts=study.parts,
    shell:
        command(
            "python -m infoplane scan --recording {input.recording} --run {wildcards.run} --name {wildcards.scan} "
            "--settings {params.settings:q} --parts {params.parts} --device {resources.device} --output {output} "
            "> {log} 2>&1"
        )
