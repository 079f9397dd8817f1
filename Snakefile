from snakemake.utils import min_version

min_version("9.5")


# config.yaml is the study unless --configfile names another, which then stands in its place.
if not workflow.configfiles:

    configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/activations.smk"
include: "workflow/rules/information.smk"
include: "workflow/rules/distributions.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/animation.smk"
include: "workflow/rules/explorer.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/housekeeping.smk"


if study.claims:

    include: "workflow/rules/claims.smk"
    include: "workflow/rules/readme.smk"


if study.sensitivity.enabled:

    include: "workflow/rules/sensitivity.smk"


rule all:
    default_target: True
    input:
        targets(),
