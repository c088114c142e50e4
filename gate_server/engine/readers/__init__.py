"""Objects -> one typed table, or the reason why not."""
