"""`python -m cascade_budget.measure.worker`, see `process`."""

from __future__ import annotations

import sys

from cascade_budget.measure.worker.process import main

sys.exit(main())
