"""The compiled form of a template, and the caches that keep it."""
