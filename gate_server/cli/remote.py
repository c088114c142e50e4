"""The gate that the settings name, as commands call it."""

from __future__ import annotations

from gate_client import GateClient
from gate_server.settings import Settings, secret

RETRY_FOR_S = 10.0  # somebody waits at the terminal


def gate_of(settings: Settings) -> GateClient:
    """Return the client of the gate at `GATE_URL` or ``--server``; raises `gate_client.GateError`."""
    return GateClient(settings.url, secret(settings.api_token), retry_for_s=RETRY_FOR_S)
