"""`python -m cascade_budget.measure.worker`, see `process`."""

from __future__ import annotations

from cascade_budget.measure.worker.process import leave, main

leave(main())
