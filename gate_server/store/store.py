"""All that the gate remembers, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from gate_server.store.ahead import Ahead
from gate_server.store.checks import Checks
from gate_server.store.database import ensure, open_engine
from gate_server.store.duties import Duties
from gate_server.store.followed import Followed
from gate_server.store.history import History
from gate_server.store.ledger import Ledger
from gate_server.store.lent import Lent
from gate_server.store.notices import Notices
from gate_server.store.policies import Policies
from gate_server.store.records import Asks, Evaluations, Installations
from gate_server.store.reverts import Reverts
from gate_server.store.states import DatasetStates
from gate_server.store.tokens import Tokens
from gate_server.store.waivers import Waivers
from gate_server.store.watches import Watches
from gate_server.store.workers import Workers


@dataclass(frozen=True)
class Store:
    """The queries by noun, over one engine."""

    engine: Engine
    checks: Checks
    ahead: Ahead
    lent: Lent
    asks: Asks
    evaluations: Evaluations
    states: DatasetStates
    policies: Policies
    installations: Installations
    reverts: Reverts
    tokens: Tokens
    waivers: Waivers
    watches: Watches
    workers: Workers
    duties: Duties
    ledger: Ledger
    history: History
    followed: Followed
    notices: Notices


def open_store(database_url: str, ring: Callable[[], None] = lambda: None) -> Store:
    """Open the database, with its schema brought up when it is empty.

    Parameters
    ----------
    ring
        Called when there is a new check.

    Raises
    ------
    ConfigError
        When the address or the schema is not usable.
    CouldNotTell
        When the database does not answer.
    """
    engine = open_engine(database_url)
    ensure(engine)
    return Store(
        engine,
        Checks(engine, ring),
        Ahead(engine),
        Lent(engine),
        Asks(engine),
        Evaluations(engine),
        DatasetStates(engine),
        Policies(engine),
        Installations(engine),
        Reverts(engine),
        Tokens(engine),
        Waivers(engine),
        Watches(engine),
        Workers(engine),
        Duties(engine),
        Ledger(engine),
        History(engine),
        Followed(engine),
        Notices(engine),
    )
