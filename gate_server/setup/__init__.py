"""Putting the gate before a branch."""
