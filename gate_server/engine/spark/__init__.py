"""Judges a table on a Spark cluster: what is counted there comes back, no row does."""
