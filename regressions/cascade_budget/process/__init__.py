"""Running a test in a fresh interpreter."""
