"""Checks: from what was asked to a verdict that is remembered."""
