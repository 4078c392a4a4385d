"""Pure values and functions: numbers in, verdicts out. No pytest, clock, process or file."""
