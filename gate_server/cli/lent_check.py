"""`gate worker --check`: evaluate what a gate lends, keep the lease, hand in what was found."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from gate_client import GateClient, GateUnreachable, Unauthorized
from gate_client.errors import GateError as ClientError
from gate_client.wire import VerdictBody, WorkBody
from gate_server.checks.packing import pack
from gate_server.cli.output import console, outcome, shown
from gate_server.engine.version import ENGINE_VERSION
from gate_server.errors import CouldNotTell, LimitOfRun, UsageError
from gate_server.lakefs.connect import connect
from gate_server.model import Evaluation, EvaluationTask, load
from gate_server.settings import Settings, secret
from gate_server.telemetry.logs import set_up_logs
from gate_server.telemetry.requests import working_for
from gate_server.workers.child import failed
from gate_server.workers.runner import Runner
from gate_server.workers.stopping import Stopped, stopped_by

RETRY_FOR_S = 60.0
GATE_AWAY_PAUSE_S = 1.0
BEATS_A_LEASE = 4

log = structlog.get_logger()


def judge_lent(settings: Settings, check_id: str) -> int:
    """Evaluate the tasks of a check and hand the results in; return the exit code.

    Raises
    ------
    CouldNotTell
        When they could not be handed in: the lease was lost, or this process was told to end.
    """
    set_up_logs(settings.log_level)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    lakefs = connect(timeout_s=settings.lakefs_timeout_s)
    token = secret(settings.lease_token) or _take_lease(settings, check_id)
    with GateClient(settings.url, token, retry_for_s=RETRY_FOR_S) as gate:
        work = gate.get_work(check_id)
        console.print(f"check {shown(work.check)}, attempt {work.attempt}: {len(work.tasks)} tasks")
        with working_for(work.request_id, check=work.check), _kept(gate, work, stop) as lost:
            try:
                evaluations = {}
                if work.engine_version == ENGINE_VERSION:  # else the gate ends the check, and says why
                    with stopped_by(stop):
                        evaluations = _evaluate(
                            Runner(
                                lakefs,
                                settings.lakefs_timeout_s,
                                cache=settings.cache,
                                spark=settings.spark,
                            ),
                            work,
                        )
            except Stopped:
                if lost.is_set():
                    raise _lost(check_id) from None
                gate.hand_back(check_id)
                raise CouldNotTell(f"told to end: check {check_id} is handed back") from None
            told = _hand_in(gate, work, _packed(evaluations))
    console.print(f"{outcome(told.verdict)}  {shown(told.summary)}")
    console.print(f"  report: {shown(told.report)}")
    return 0


def _take_lease(settings: Settings, check_id: str) -> str:
    text = secret(settings.api_token)
    if not text:
        raise UsageError(
            "a token is needed to judge a check of a gate",
            "GATE_LEASE_TOKEN, of a lease; or GATE_API_TOKEN, of `gate tokens create NAME --role worker`",
        )
    with GateClient(settings.url, text) as gate:
        return gate.take_lease(check_id).token


def _evaluate(runner: Runner, work: WorkBody) -> dict[int, Evaluation]:
    tasks = [load(EvaluationTask, task) for task in work.tasks]
    found = runner.evaluate(work.repository, tasks)
    return {task.obligation.number: one for task, one in zip(tasks, found, strict=True)}


def _hand_in(gate: GateClient, work: WorkBody, packed: str) -> VerdictBody:
    """Hand in, for as long as a gate that is away may know the lease; a 503 is tried again by the client."""
    deadline = time.monotonic() + work.lease_s
    while True:
        try:
            return gate.hand_in(work.check, work.work, ENGINE_VERSION, packed)
        except GateUnreachable as error:
            if time.monotonic() > deadline:
                raise
            log.warning("not handed in, it is tried again", reason=error.message)
            time.sleep(GATE_AWAY_PAUSE_S)


def _packed(evaluations: dict[int, Evaluation]) -> str:
    try:
        return pack(evaluations)
    except LimitOfRun as error:  # the gate is told so, or it would have this done again
        log.error("the results are too large", reason=error.message)  # noqa: TRY400
        return pack({number: failed(error.code, error.message, error.hint) for number in evaluations})


@contextmanager
def _kept(gate: GateClient, work: WorkBody, stop: threading.Event) -> Iterator[threading.Event]:
    """Renew the lease until the block ends; give what is set, with `stop`, when it is lost."""
    over, lost = threading.Event(), threading.Event()

    def beat() -> None:
        renewed_at = time.monotonic()
        while not over.wait(work.lease_s / BEATS_A_LEASE):
            try:
                gate.renew_lease(work.check)
                renewed_at = time.monotonic()
            except Unauthorized:
                break
            except ClientError as error:
                log.warning("no heartbeat, it is tried again", reason=error.message)
                if time.monotonic() - renewed_at > work.lease_s:
                    break
        else:
            return
        lost.set()
        stop.set()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        over.set()
        thread.join(1.0)


def _lost(check_id: str) -> CouldNotTell:
    return CouldNotTell(
        f"the lease of check {check_id} was lost: nothing is handed in",
        "another worker has it, or the gate was away for longer than GATE_ELSEWHERE_LEASE_S",
    )
