"""`python -m cascade_budget.process HANDLE [HANDLE]`, see `process.worker`."""

from __future__ import annotations

import sys

from cascade_budget.process.worker import leave, main

# A test that starts processes with multiprocessing has this module imported in each.
if __name__ == "__main__":
    leave(main(sys.argv[1:]))
