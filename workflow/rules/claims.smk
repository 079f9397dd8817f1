# The claims: a study with `claims: none` does without these rules.
localrules:
    claims_page,


rule claims:
    input:
        beside(["compression"]),
        compression=table("compression"),
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
        code=code_of_claims("claims"),
        rules=json.dumps(study.claims, sort_keys=True),
        resampling=statistics_settings("confidence", "resamples", "resampling_seed"),
    shell:
        command(
            "python -m infoplane claims --compression {input.compression} --information {input.information} "
            "--layers {input.layers} --rules {params.rules:q} --resampling {params.resampling:q} "
            "--output {output.table} --parts {output.parts} --text {output.text} > {log} 2>&1"
        )


rule claims_page:
    input:
        claims=table("claims"),
        parts=table("claim_parts"),
    output:
        report(
            CLAIMS_PAGE,
            caption="../report/claims.rst",
            category="Claims",
            labels={"page": "verdicts with every part"},
        ),
    log:
        f"{LOG}/claims_page.log",
    benchmark:
        f"{BENCHMARK}/claims_page.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.drawing(study, [])),
    params:
        code=code("claims-page"),
        page=templates("claims"),
        study=study.name,
    shell:
        command(
            "python -m infoplane claims-page --study {params.study} --claims {input.claims} --parts {input.parts} "
            "--output {output} > {log} 2>&1"
        )
