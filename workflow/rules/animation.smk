# The information plane as a moving picture, a target that a person asks for by name, of all runs or of one:
# results/<study>/animations/information_plane-<estimator>.gif or information_plane-<estimator>-<run>.gif.
ANIMATIONS = {
    f"information_plane-{estimator}{part}": (estimator, run)
    for estimator in study.estimators
    for run, part in [("", ""), *((run, f"-{run}") for run in study.runs)]
}


rule animation:
    input:
        information=table("information"),
        training=table("training"),
    output:
        f"{RESULTS}/animations/{{animation}}.gif",
    log:
        f"{LOG}/animations/{{animation}}.log",
    benchmark:
        f"{BENCHMARK}/animations/{{animation}}.tsv"
    wildcard_constraints:
        animation="|".join(map(re.escape, ANIMATIONS)),
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        **memory_and_time(lambda *_: need.drawing(study, ["information", "training"])),
    params:
        code=code("animation", None, *looks()),
        part=part_option(),
        estimator=lambda wildcards: ANIMATIONS[wildcards.animation][0],
        run=lambda wildcards: [
            f"--run={run}" for run in ANIMATIONS[wildcards.animation][1:] if run
        ],
    shell:
        command(
            "python -m infoplane animation --estimator {params.estimator} {params.run} --information {input.information} "
            "--training {input.training} {params.part} --output {output} > {log} 2>&1"
        )
