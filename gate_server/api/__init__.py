"""The gate over HTTP: authenticate, parse, one call, render."""
