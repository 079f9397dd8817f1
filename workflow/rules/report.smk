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
        text=lambda _: configuration.resolved(config),
    run:
        Path(output[0]).write_text(params.text, encoding="utf-8")
        housekeeping.say(f"wrote {output[0]}", log)


rule overview:
    input:
        beside(["compression_summary"]),
        [table(name) for name in claims.TABLES if study.claims],
        training=table("training"),
        summary=table("compression_summary"),
    output:
        FRONT_PAGE,
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
        code=code("overview"),
        study=study.name,
        claims=(
            f"--claims {table('claims')} --parts {table('claim_parts')}"
            if study.claims
            else ""
        ),
    shell:
        command(
            "python -m infoplane overview --study {params.study} --training {input.training} "
            "--summary {input.summary} {params.claims} --output {output} > {log} 2>&1"
        )
