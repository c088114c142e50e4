"""What a stored check or revert says, prepared for a page or for JSON. No cell value is in it (D10)."""
