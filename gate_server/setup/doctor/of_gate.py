"""Looks at the gate itself: policy, database, workers, disk."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from gate_server.errors import CouldNotTell, GateError
from gate_server.model import Policy
from gate_server.policy.document import PolicyErrors
from gate_server.reports.wording import count, size
from gate_server.setup.doctor.finding import Finding, Ground, Place, fine, found, unseen
from gate_server.setup.doctor.of_lakefs import clock
from gate_server.setup.lint import lint_policy
from gate_server.store.database import current, newest, open_engine
from gate_server.store.store import Store, open_store

LEAST_FREE_BYTES = 1_000_000_000
_OF_DATABASE = ("D302", "D303", "D304", "D305")


@dataclass
class GateState:
    """What could be read of the gate, for the looks at branches."""

    policy: Policy | None = None
    store: Store | None = None
    places: list[Place] = field(default_factory=list)


def look(ground: Ground, state: GateState, opened: ExitStack) -> Iterator[Finding]:
    """Yield D301 to D306; what is opened for the looks that follow, `opened` closes."""
    yield _policy(ground, state)
    yield from _database(ground, state, opened)
    yield _disk(ground)


def _policy(ground: Ground, state: GateState) -> Finding:
    where = str(ground.settings.policy)
    try:
        state.policy = ground.read_policy()
        findings = lint_policy(state.policy, ground.lint)
    except PolicyErrors as error:
        findings = list(error.findings)
    except GateError as error:
        return unseen("D301", where, error.message)
    if findings:
        return found("D301", where, told(findings))
    return fine(
        "D301", where, f"{count(len(state.policy.rules) if state.policy else 0, 'rule')} and their suites"
    )


def told(findings: Sequence[str]) -> str:
    """Return the first of what is wrong with a policy, and how many more there are."""
    return findings[0] + (f" (and {len(findings) - 1} more)" if len(findings) > 1 else "")


def _database(ground: Ground, state: GateState, opened: ExitStack) -> Iterator[Finding]:
    address = ground.settings.database
    engine = open_engine(address)  # which makes no file yet
    where = engine.url.render_as_string(hide_password=True)
    try:
        file = make_url(address).database if engine.dialect.name == "sqlite" else None
        if file and not Path(file).is_file():
            yield found("D302", where, "there is none", "gate serve makes one; is GATE_DATA_DIR the gate's?")
            return
        try:
            have, need = current(engine), newest()
        except CouldNotTell as error:
            yield found("D302", where, error.message)
            return
        yield fine("D302", where, "it answers")
        if have != need:
            empty = "" if have else "gate serve fills it; or gate db upgrade"
            yield found("D303", where, f"it is {have or 'empty'}, this program needs {need}", empty)
            return
        yield fine("D303", where, f"its schema is {have}")
        state.store = open_store(address)
        opened.callback(state.store.engine.dispose)
        state.places = [Place(*place) for place in state.store.installations.places()]
        yield clock("D304", where, state.store.workers.clock())
        alive = state.store.workers.alive()
        yield (
            fine("D305", where, f"workers alive: {alive}")
            if alive
            else found("D305", where, "none said so lately")
        )
    except SQLAlchemyError as error:
        raise CouldNotTell(f"the database gave no answer ({type(error).__name__})") from error
    finally:
        engine.dispose()


def _disk(ground: Ground) -> Finding:
    folders = {ground.settings.data_dir.resolve(), Path(tempfile.gettempdir()).resolve()}
    free: dict[str, int] = {}
    for folder in sorted(folders):
        standing = next(item for item in (folder, *folder.parents) if item.is_dir())
        free[str(folder)] = shutil.disk_usage(standing).free
    where = ", ".join(free)
    told = ", ".join(f"{size(left)} free in {folder}" for folder, left in free.items())
    return found("D306", where, told) if min(free.values()) < LEAST_FREE_BYTES else fine("D306", where, told)
