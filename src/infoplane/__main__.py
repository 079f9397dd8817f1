"""`python -m infoplane` is the command line."""

import sys

from infoplane.cli import main

sys.exit(main())
