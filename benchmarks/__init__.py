"""Figures, not tests: `make bench` prints them. Ratios are taken in one run, medians of several."""
