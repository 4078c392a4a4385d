"""Verdicts on benchmarks whose results were stored for two revisions.

Nothing is imported here: who only reads results must not pay for what judges them.
"""
