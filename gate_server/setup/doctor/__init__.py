"""What is wrong with a set-up: each fault with an id, what was seen, where, and what mends it."""

from gate_server.setup.doctor.diagnose import diagnose
from gate_server.setup.doctor.examiner import Examination, Examiner
from gate_server.setup.doctor.finding import Finding, Ground, Place

__all__ = ["Examination", "Examiner", "Finding", "Ground", "Place", "diagnose"]
