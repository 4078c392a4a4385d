"""From counts and costs to findings."""
