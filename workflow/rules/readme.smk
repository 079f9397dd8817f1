# `snakemake --cores 1 readme` takes README.md's pictures and claims from this study; nothing else needs it.
README_FIGURES = [
    "information_plane-ebab",
    "compression_by_run-ebab",
    "l2-ebab",
    "sensitivity",
]


localrules:
    readme,


rule readme:
    input:
        figures=expand(f"{RESULTS}/figures/{{file}}.png", file=README_FIGURES),
        explorer=EXPLORER,
        claims=table("claims", ".md"),
        provenance=table("claims", ".provenance.json"),
    log:
        f"{LOG}/readme.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    params:
        study=study.name,
        # What the explorer shows in the picture.
        view="run=relu_l2&epoch=300",
        readme=str(Path(workflow.basedir) / "README.md"),
        folder=str(Path(workflow.basedir) / "docs"),
    shell:
        command(
            "python -m infoplane readme --study {params.study} --figures {input.figures} --explorer {input.explorer} "
            "--view {params.view:q} --claims {input.claims} --provenance {input.provenance} --folder {params.folder:q} "
            "--output {params.readme:q} > {log} 2>&1"
        )
