"""`python -m cascade_budget.process`, see `process`."""

from __future__ import annotations

from cascade_budget.process.worker import (
    leave,
    main,
)

leave(main())
