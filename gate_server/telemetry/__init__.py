"""How the gate is seen: logs, the request's id in all of them, metrics."""
