# The tables of statistics, each made as its module in src/infoplane/statistics/tables declares.
localrules:
    small_statistics,


rule statistics:
    input:
        tables=lambda wildcards: list(map(table, made(wildcards).tables)),
        provenance=lambda wildcards: beside(made(wildcards).tables),
    output:
        table=in_report("{table}", f"{RESULTS}/tables/{{table}}.csv"),
        provenance=f"{RESULTS}/tables/{{table}}.provenance.json",
    log:
        f"{LOG}/statistics/{{table}}.log",
    benchmark:
        f"{BENCHMARK}/statistics/{{table}}.tsv"
    wildcard_constraints:
        table=tables_of_statistics(local=False),
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        **memory_and_time(
            lambda wildcards, threads: getattr(need, made(wildcards).cost)(study)
        ),
    params:
        code=lambda wildcards: code(
            "table", None, f"statistics.tables.{wildcards.table}:{wildcards.table}"
        ),
        settings=lambda wildcards: statistics_settings(*made(wildcards).settings),
    shell:
        command(
            "python -m infoplane table --name {wildcards.table} --tables {input.tables} --settings {params.settings:q} "
            "--output {output.table} > {log} 2>&1"
        )


# On a cluster these run where Snakemake does: a few seconds each, and little memory.
use rule statistics as small_statistics with:
    wildcard_constraints:
        table=tables_of_statistics(local=True),
