rule explorer:
    input:
        information=table("information"),
        training=table("training"),
    output:
        report(
            EXPLORER,
            caption="../report/explorer.rst",
            category="Explorer",
            labels={"page": "information planes to play"},
        ),
    log:
        f"{LOG}/explorer.log",
    benchmark:
        f"{BENCHMARK}/explorer.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.drawing(study, ["information", "training"])),
    params:
        code=code("explorer", None, *looks()),
        page=templates("explorer"),
        study=study.name,
        part=part_option(),
    shell:
        command(
            "python -m infoplane explorer --study {params.study} --information {input.information} "
            "--training {input.training} {params.part} --output {output} > {log} 2>&1"
        )
