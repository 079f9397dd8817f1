"""Claims: statements with rules fixed beforehand, their verdicts on a study, and their sensitivity to the analysis.

`claims` judges them, `claims_page` is the page that shows them with every part.
"""

from infoplane.claims.page import claims_page
from infoplane.claims.parts import Rules
from infoplane.claims.verdicts import CLAIMS, claims

__all__ = ["CLAIMS", "Rules", "claims", "claims_page"]
