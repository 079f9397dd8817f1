rule compression:
    input:
        information=table("information"),
        training=table("training"),
    output:
        table=table("compression"),
        provenance=table("compression", ".provenance.json"),
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
    params:
        code=code("statistics:compression_table"),
    shell:
        "python -m infoplane compression --information {input.information} --training {input.training} "
        "--output {output.table} > {log} 2>&1"


rule compression_summary:
    input:
        compression=table("compression"),
        provenance=table("compression", ".provenance.json"),
    output:
        table=table("compression_summary"),
        provenance=table("compression_summary", ".provenance.json"),
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
        code=code("statistics:summary_table"),
        confidence=study.confidence,
    shell:
        "python -m infoplane compression-summary --compression {input.compression} --confidence {params.confidence} "
        "--output {output.table} > {log} 2>&1"


rule correlation:
    input:
        compression=table("compression"),
        provenance=table("compression", ".provenance.json"),
    output:
        table=table("correlation"),
        provenance=table("correlation", ".provenance.json"),
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
        code=code("statistics:correlation_table"),
        confidence=study.confidence,
        resamples=study.resamples,
        seed=study.resampling_seed,
    shell:
        "python -m infoplane correlation --compression {input.compression} --confidence {params.confidence} "
        "--resamples {params.resamples} --resampling-seed {params.seed} --output {output.table} > {log} 2>&1"
