"""What is wrong with a set-up: each fault with an id, what was seen, where, and what mends it."""

from gate_server.setup.doctor.diagnose import diagnose
from gate_server.setup.doctor.finding import Finding, Ground, Place

__all__ = ["Finding", "Ground", "Place", "diagnose"]
