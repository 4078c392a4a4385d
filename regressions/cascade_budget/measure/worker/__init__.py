"""The processes that run workloads for the gate to time, and what they say to it."""
