rule figure:
    input:
        lambda wildcards: [table(name) for name in figure_of(wildcards).tables],
    output:
        svg=report(
            f"{RESULTS}/figures/{{figure}}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels=figure_labels,
        ),
        png=f"{RESULTS}/figures/{{figure}}.png",
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
        caption=f"{RESULTS}/figures/{{figure}}.rst",
    log:
        f"{LOG}/figures/{{figure}}.log",
    benchmark:
        f"{BENCHMARK}/figures/{{figure}}.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **memory_and_time(
            lambda wildcards, threads: need.drawing(study, figure_of(wildcards).tables)
        ),
    params:
        code=lambda wildcards: code(
            "figure", None, f"figures.{figure_of(wildcards).name}:draw", *looks()
        ),
        options=figure_options,
        part=part_option(),
        declared=lambda wildcards: [
            figure_of(wildcards).title,
            figure_of(wildcards).caption,
            figure_of(wildcards).paper,
        ],
        # Read when the report is made; what depends on an output is not compared with the last run.
        caption=lambda wildcards, output: finished_text(output.caption),
    shell:
        command(
            "python -m infoplane figure {params.options} {params.part} --tables {input} --output {output} > {log} 2>&1"
        )
