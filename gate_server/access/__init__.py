"""Tokens, roles and scopes: who is asking, and what they may do where."""
