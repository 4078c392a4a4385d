"""What the commands that compare revisions share."""
