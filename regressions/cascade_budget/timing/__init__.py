"""Throughput: chunks, rounds, clocks and calibration."""
