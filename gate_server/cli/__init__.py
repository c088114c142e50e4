"""The command line: parse, one call (here or through a gate), print. A module per command."""
