"""What is kept: entries in content-addressed ranges, staged entries, object files."""
