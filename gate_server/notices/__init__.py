"""Who is told what: the ledger's news, by the policy's routes, through an outbox. No cell value is in it."""
