"""Gives children what is known of the objects of datasets, and keeps what they found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

from gate_server.model import EvaluationTask
from gate_server.workers.child import MOST_STATES_BYTES, Task, known_states, made_states

log = structlog.get_logger()


class KeptStates(Protocol):
    """Keeps what was found of the objects of datasets, by key; not to find something is no fault."""

    def find(self, key: str) -> bytes:
        """Return what is kept, empty where nothing is."""

    def keep(self, key: str, content: bytes) -> None:
        """Keep it in the place of what was there."""


def hand_states(states: KeptStates, tasks: Sequence[Task], folder: Path) -> None:
    """Put what is known where the child looks for it; a file, empty or not, asks it for what it finds."""
    for number, task in enumerate(tasks):
        if key := _key(task):
            known_states(folder, number).write_bytes(states.find(key))


def keep_states(states: KeptStates, tasks: Sequence[Task], folder: Path) -> None:
    """Keep what the child found of `tasks`, all of which it answered."""
    for number, task in enumerate(tasks):
        made = made_states(folder, number)
        if not made.is_file():
            continue
        if (size_bytes := made.stat().st_size) <= MOST_STATES_BYTES:
            states.keep(_key(task), made.read_bytes())
        else:
            message = "a dataset's states are too large to be kept"
            log.warning(message, size_bytes=size_bytes, most=MOST_STATES_BYTES)


def _key(task: Task) -> str:
    return task.obligation.states_key if isinstance(task, EvaluationTask) else ""
