rule figure:
    input:
        lambda wildcards: [
            table(name) for name in FIGURES[FIGURE_FILES[wildcards.figure][0]].tables
        ],
    output:
        svg=report(
            f"{RESULTS}/figures/{{figure}}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels=lambda wildcards: {"figure": wildcards.figure},
        ),
        png=f"{RESULTS}/figures/{{figure}}.png",
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
    log:
        f"{LOG}/figures/{{figure}}.log",
    benchmark:
        f"{BENCHMARK}/figures/{{figure}}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **memory_and_time(
            lambda wildcards, threads: need.drawing(
                study, FIGURES[FIGURE_FILES[wildcards.figure][0]].tables
            )
        ),
    params:
        code=lambda wildcards: code(
            "figures:figure", None, f"figures.{FIGURE_FILES[wildcards.figure][0]}:draw"
        ),
        name=lambda wildcards: FIGURE_FILES[wildcards.figure][0],
        estimator=lambda wildcards: [
            f"--estimator={name}"
            for name in FIGURE_FILES[wildcards.figure][1:]
            if name
        ],
        caption=lambda wildcards: FIGURES[FIGURE_FILES[wildcards.figure][0]].caption,
    shell:
        "python -m infoplane figure --name {params.name} {params.estimator} "
        "--tables {input} --output {output} > {log} 2>&1"
