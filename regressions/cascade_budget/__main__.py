"""`python -m cascade_budget`: the console script where its folder is not on the PATH."""

from __future__ import annotations

import sys

from cascade_budget.cli import main

if __name__ == "__main__":
    sys.exit(main())
