"""Counting what a test owes: warm in this process, cold in fresh ones, whole tests or workloads."""
