# The words of the report; what else is in it is marked where it is made.
report: "../report/front_page.rst"


localrules:
    configuration,
    overview,


rule configuration:
    output:
        report(
            CONFIGURATION,
            caption="../report/configuration.rst",
            category="Configuration",
            labels={"file": "configuration.yaml"},
        ),
    log:
        f"{LOG}/configuration.log",
    params:
        text=lambda _: configuration.resolved(config, SCHEMA),
    run:
        Path(output[0]).write_text(params.text, encoding="utf-8")
        housekeeping.say(f"wrote {output[0]}", log)


rule overview:
    input:
        training=table("training"),
        summary=table("compression_summary"),
        claims=table("claims"),
        provenance=table("claims", ".provenance.json"),
        parts=table("claim_parts"),
    output:
        front=FRONT_PAGE,
        page=report(
            CLAIMS_PAGE,
            caption="../report/claims.rst",
            category="Claims",
            labels={"page": "verdicts with every part"},
        ),
    log:
        f"{LOG}/overview.log",
    benchmark:
        f"{BENCHMARK}/overview.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **memory_and_time(
            lambda *_: need.drawing(study, ["training", "compression_summary"])
        ),
    params:
        code=code("overview", None, *looks()),
        page=templates("claims"),
        study=study.name,
    shell:
        command(
            "python -m infoplane overview --study {params.study} --training {input.training} "
            "--summary {input.summary} --claims {input.claims} --parts {input.parts} "
            "--output {output.front} --page {output.page} > {log} 2>&1"
        )
