"""What Snakemake uses when it plans: blocks of seeds, digests of code, resources, housekeeping and the cluster."""
