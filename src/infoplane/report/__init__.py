"""The words of the report: what was run and what came out of it, from the tables alone.

`front_page` is the text that `snakemake --report` opens with, `claims_page` a page of the claims with every part.
"""

from infoplane.report.claims_page import claims_page
from infoplane.report.front_page import front_page

__all__ = ["claims_page", "front_page"]
