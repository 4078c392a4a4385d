"""What lies around a measurement: git, copies of revisions, and other tools' result files."""
