# Targets that a person asks for by name: `snakemake --cores 1 check` and `snakemake --cores 1 clean`.
NEEDED = [
    *of_all_runs(WEIGHTS),
    *of_all_runs(str(Path(WEIGHTS).with_suffix(".checkpoint"))),
    *of_all_runs(ACTIVATIONS),
    *of_all_runs(LAYERS),
    *of_all_runs(METRICS),
    *of_all_runs(DISTRIBUTIONS),
    *of_all_runs(INFORMATION, estimator=study.estimators),
    *of_all_runs(SCANS, scan=SCANNED),
    *(
        expand(SENSITIVITY, estimator=study.estimators)
        if study.sensitivity.enabled
        else []
    ),
    *expand(
        f"{RESULTS}/figures/{{file}}.{{ending}}",
        file=FIGURE_FILES,
        ending=["svg", "png", "pdf", "rst"],
    ),
]


localrules:
    check,
    clean,


rule check:
    log:
        f"{LOG}/check.log",
    run:
        housekeeping.say(
            housekeeping.check(Path(RESULTS), NEEDED, notes_on_data()), log
        )


rule clean:
    log:
        f"{LOG}/clean.log",
    run:
        housekeeping.say(housekeeping.clean(Path(RESULTS), NEEDED), log)


onsuccess:
    left = housekeeping.unused(Path(RESULTS), NEEDED)
    if left:
        print(
            f"Files in {RESULTS} that are no longer used: {len(left)}. `snakemake --cores 1 check` lists them, "
            "`snakemake --cores 1 clean` removes them."
        )
