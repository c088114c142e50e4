"""Prints docs/doctor.md: ``python -m gate_server.setup.doctor > docs/doctor.md``."""

import sys

from gate_server.setup.doctor.table import as_markdown

sys.stdout.write(as_markdown())
