"""The gauge put to the test: verdicts where the answer is known, and what they say of a machine."""
