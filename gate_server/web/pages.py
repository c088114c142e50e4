"""All pages, on their blueprint."""

from gate_server.web import branches, checks, history, now, policies, reverts, sessions, setup
from gate_server.web.blueprint import web

__all__ = ["branches", "checks", "history", "now", "policies", "reverts", "sessions", "setup", "web"]
