"""The clocks as they were when the plugin was loaded, before a test could replace them."""

from __future__ import annotations

import time
from typing import final


@final
class Clock:
    """Each clock under its name in `time`.

    Held by a class, because what freezes time replaces the clocks that modules hold.
    """

    monotonic = staticmethod(time.monotonic)
    perf_counter = staticmethod(time.perf_counter)
    perf_counter_ns = staticmethod(time.perf_counter_ns)
    process_time_ns = staticmethod(time.process_time_ns)
    thread_time_ns = staticmethod(time.thread_time_ns)
