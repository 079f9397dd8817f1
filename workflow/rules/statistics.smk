rule compression:
    input:
        information=table("information"),
        training=table("training"),
    output:
        table("compression"),
        table("compression", ".provenance.json"),
    log:
        f"{LOG}/statistics/compression.log",
    benchmark:
        f"{BENCHMARK}/statistics/compression.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=20,
    shell:
        "python -m infoplane compression --information {input.information} --training {input.training} "
        "--output {output[0]} > {log} 2>&1"


rule compression_summary:
    input:
        table("compression"),
        table("compression", ".provenance.json"),
    output:
        table("compression_summary"),
        table("compression_summary", ".provenance.json"),
    log:
        f"{LOG}/statistics/compression_summary.log",
    benchmark:
        f"{BENCHMARK}/statistics/compression_summary.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        confidence=study.confidence,
    shell:
        "python -m infoplane compression-summary --compression {input[0]} --confidence {params.confidence} "
        "--output {output[0]} > {log} 2>&1"


rule correlation:
    input:
        table("compression"),
        table("compression", ".provenance.json"),
    output:
        table("correlation"),
        table("correlation", ".provenance.json"),
    log:
        f"{LOG}/statistics/correlation.log",
    benchmark:
        f"{BENCHMARK}/statistics/correlation.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        confidence=study.confidence,
    shell:
        "python -m infoplane correlation --compression {input[0]} --confidence {params.confidence} "
        "--output {output[0]} > {log} 2>&1"
