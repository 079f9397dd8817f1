# On a cluster these run where Snakemake does: a few seconds each, and less than 250 MB in a study of the paper's size.
localrules:
    compression_summary,
    effects,
    seeds_needed,
    variance_components,


rule compression:
    input:
        information=table("information"),
        training=table("training"),
    output:
        table=in_report("compression"),
        provenance=table("compression", ".provenance.json"),
    log:
        f"{LOG}/statistics/compression.log",
    benchmark:
        f"{BENCHMARK}/statistics/compression.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.by_run(study)),
    params:
        code=code("compression"),
    shell:
        command(
            "python -m infoplane compression --information {input.information} --training {input.training} "
            "--output {output.table} > {log} 2>&1"
        )


rule compression_summary:
    input:
        compression=table("compression"),
        provenance=table("compression", ".provenance.json"),
    output:
        table=in_report("compression_summary"),
        provenance=table("compression_summary", ".provenance.json"),
    log:
        f"{LOG}/statistics/compression_summary.log",
    benchmark:
        f"{BENCHMARK}/statistics/compression_summary.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.summarising(study)),
    params:
        code=code("compression-summary"),
        confidence=study.confidence,
    shell:
        command(
            "python -m infoplane compression-summary --compression {input.compression} --confidence {params.confidence} "
            "--output {output.table} > {log} 2>&1"
        )


rule correlation:
    input:
        compression=table("compression"),
        provenance=table("compression", ".provenance.json"),
    output:
        table=in_report("correlation"),
        provenance=table("correlation", ".provenance.json"),
    log:
        f"{LOG}/statistics/correlation.log",
    benchmark:
        f"{BENCHMARK}/statistics/correlation.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.of_compression(study)),
    params:
        code=code("correlation"),
        confidence=study.confidence,
        resamples=study.resamples,
        seed=study.resampling_seed,
    shell:
        command(
            "python -m infoplane correlation --compression {input.compression} --confidence {params.confidence} "
            "--resamples {params.resamples} --resampling-seed {params.seed} --output {output.table} > {log} 2>&1"
        )


rule effects:
    input:
        compression=table("compression"),
        provenance=table("compression", ".provenance.json"),
    output:
        table=in_report("effects"),
        provenance=table("effects", ".provenance.json"),
    log:
        f"{LOG}/statistics/effects.log",
    benchmark:
        f"{BENCHMARK}/statistics/effects.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.of_compression(study)),
    params:
        code=code("effects"),
        confidence=study.confidence,
        resamples=study.resamples,
        seed=study.resampling_seed,
    shell:
        command(
            "python -m infoplane effects --compression {input.compression} "
            "--confidence {params.confidence} --resamples {params.resamples} --resampling-seed {params.seed} "
            "--output {output.table} > {log} 2>&1"
        )


rule variance_components:
    input:
        compression=table("compression"),
        provenance=table("compression", ".provenance.json"),
    output:
        table=in_report("variance_components"),
        provenance=table("variance_components", ".provenance.json"),
    log:
        f"{LOG}/statistics/variance_components.log",
    benchmark:
        f"{BENCHMARK}/statistics/variance_components.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.of_compression(study)),
    params:
        code=code("variance-components"),
        confidence=study.confidence,
    shell:
        command(
            "python -m infoplane variance-components --compression {input.compression} "
            "--confidence {params.confidence} "
            "--output {output.table} > {log} 2>&1"
        )


rule seeds_needed:
    input:
        compression=table("compression"),
        provenance=table("compression", ".provenance.json"),
    output:
        table=in_report("seeds_needed"),
        provenance=table("seeds_needed", ".provenance.json"),
    log:
        f"{LOG}/statistics/seeds_needed.log",
    benchmark:
        f"{BENCHMARK}/statistics/seeds_needed.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.of_compression(study)),
    params:
        code=code("seeds-needed"),
        confidence=study.confidence,
        resamples=study.resamples,
        seed=study.resampling_seed,
        width=study.interval_width,
    shell:
        command(
            "python -m infoplane seeds-needed --compression {input.compression} "
            "--confidence {params.confidence} --resamples {params.resamples} --resampling-seed {params.seed} --width {params.width} "
            "--output {output.table} > {log} 2>&1"
        )


rule phases:
    input:
        information=table("information"),
        training=table("training"),
    output:
        table=in_report("phases"),
        provenance=table("phases", ".provenance.json"),
    log:
        f"{LOG}/statistics/phases.log",
    benchmark:
        f"{BENCHMARK}/statistics/phases.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.by_run(study)),
    params:
        code=code("phases"),
        confidence=study.confidence,
        resamples=study.resamples,
        seed=study.resampling_seed,
    shell:
        command(
            "python -m infoplane phases --information {input.information} --training {input.training} "
            "--confidence {params.confidence} --resamples {params.resamples} --resampling-seed {params.seed} "
            "--output {output.table} > {log} 2>&1"
        )


rule claims:
    input:
        compression=table("compression"),
        provenance=table("compression", ".provenance.json"),
        information=table("information"),
        layers=table("layers"),
    output:
        table=in_report("claims"),
        provenance=table("claims", ".provenance.json"),
        parts=in_report("claim_parts"),
        parts_provenance=table("claim_parts", ".provenance.json"),
        text=table("claims", ".md"),
    log:
        f"{LOG}/statistics/claims.log",
    benchmark:
        f"{BENCHMARK}/statistics/claims.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.of_claims(study)),
    params:
        code=code("claims"),
        rules=json.dumps(study.claims, sort_keys=True),
        confidence=study.confidence,
        resamples=study.resamples,
        seed=study.resampling_seed,
    shell:
        command(
            "python -m infoplane claims --compression {input.compression} --information {input.information} "
            "--layers {input.layers} "
            "--rules {params.rules:q} --confidence {params.confidence} --resamples {params.resamples} "
            "--resampling-seed {params.seed} --output {output.table} --parts {output.parts} --text {output.text} "
            "> {log} 2>&1"
        )
