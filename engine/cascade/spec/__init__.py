"""What a user writes. Values only: nothing here runs a task."""
