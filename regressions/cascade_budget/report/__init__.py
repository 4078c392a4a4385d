"""Findings as text and files, for people and for other tools."""
