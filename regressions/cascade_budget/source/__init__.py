"""The code that is measured: its repository, copies of revisions, and what changed since base."""
