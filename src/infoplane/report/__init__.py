"""The words of the report: what was run and what came out of it, from the tables alone.

`front_page` is the text that `snakemake --report` opens with.
"""

from infoplane.report.opening import front_page

__all__ = ["front_page"]
