"""Tests of the plugin run small projects through pytest itself."""

from __future__ import annotations

pytest_plugins = ["pytester"]
