"""Other tools' files: asv's and pytest-benchmark's."""
