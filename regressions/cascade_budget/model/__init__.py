"""Values that travel: what was counted, timed and profiled, and what was found."""
