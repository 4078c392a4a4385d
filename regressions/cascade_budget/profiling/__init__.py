"""Profiles by sampling, in a pass of their own: nothing here takes part in a verdict."""
