"""The processes of `gate serve`: a supervisor with two children, web and worker.

Each child runs `main` with ``web KEPT HOST PORT RELOADS BELL`` or ``worker [KEPT BELL]``; its settings come
by the environment. KEPT is a file with the digest of the policy, RELOADS and BELL are ends of pipes.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import structlog

from gate_server.audit.automatic import AutomaticReverts
from gate_server.audit.follow import Follows
from gate_server.audit.heads import TellsHead
from gate_server.checks.ahead import LooksAhead
from gate_server.checks.watching import Watcher
from gate_server.errors import GateError
from gate_server.lakefs.connect import connect
from gate_server.model import Policy
from gate_server.notices.gathering import Gatherer
from gate_server.notices.sending import Sender
from gate_server.notices.targets import read_targets
from gate_server.parts import make_judge, make_known_policies, make_revert_context, write_digest
from gate_server.policy.document import PolicyErrors
from gate_server.reverts import left_branches as left_by_reverts
from gate_server.reverts.context import RevertContext
from gate_server.reverts.sweep import sweep
from gate_server.settings import Settings, read_settings, secret
from gate_server.setup import temporary as left_by_setup
from gate_server.store.duties import AUDIT
from gate_server.store.pruning import prune
from gate_server.store.store import Store, open_store
from gate_server.telemetry import metrics, traces
from gate_server.telemetry.logs import set_up_logs
from gate_server.workers.bell import Bell
from gate_server.workers.duties import Duty
from gate_server.workers.folders import METRICS, memory_folder, own_folder
from gate_server.workers.loop import Worker
from gate_server.workers.parent import end_with_parent
from gate_server.workers.runner import Runner

BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
CALM_AFTER_S = 60.0
END_WITHIN_S = 20.0
DAY_S = 86_400.0
UPKEEP_EVERY_S = 60.0
LEFT_BRANCHES_EVERY_S = 3600.0
POLICIES_EVERY_S = 0.25
HEAD_EVERY_S = 60.0
AUDIT_ASKED_S = 1.0  # events come by the thousand; they make one look in so long
NOTICES_EVERY_S = 1.0
# Not `-m`: each child of the forkserver imports the main module again, which would cost a check 0.7 s.
_START = "import sys; from gate_server.processes import main; sys.exit(main(sys.argv[1:]))"
NEVER_STARTED = 78  # EX_CONFIG: a child that cannot start is not started again

log = structlog.get_logger()


def run_worker(settings: Settings, kept: Path | None = None, bell: Bell | None = None) -> int:
    """Judge checks until SIGTERM.

    Beside a web process it looks at that one's policy first, and refuses to start where that is wrong.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # until it works: removes what it made, then ends
    traces.set_up_traces("worker")
    lakefs = connect(timeout_s=settings.lakefs_timeout_s)
    store = open_store(settings.database)
    runner = Runner(lakefs, settings.lakefs_timeout_s, store.states, settings.cache, settings.spark)
    policies = make_known_policies(store, runner)
    if kept is not None:
        _, findings = policies.looked_at(kept.read_text(encoding="ascii"))
        if findings:
            raise PolicyErrors(findings)
    reverts = make_revert_context(lakefs, store, settings)
    asks_by = kept
    by_policy = []
    if asks_by is not None:  # a worker alone asks by no policy

        def active() -> Policy:
            return policies.of(asks_by.read_text(encoding="ascii"))

        automatic = AutomaticReverts(reverts, most_an_hour=settings.audit_reverts_per_hour)
        watcher = Watcher(lakefs, store, active, runner.evaluate, automatic.take_back_watched)
        follows = Follows(reverts, active, automatic)
        by_policy.append(Duty("ahead", LooksAhead(lakefs, store, active), settings.ahead_every_s))
        by_policy.append(Duty("watch", watcher, settings.watch_every_s))
        by_policy.append(Duty(AUDIT, follows, settings.audit_every_s, asked_s=AUDIT_ASKED_S))
        by_policy += notice_duties(settings, store, active)
    worker = Worker(
        store,
        make_judge(lakefs, store, policies, runner).judge,
        duties=[
            *by_policy,
            Duty("upkeep", lambda: _keep_up(reverts, settings), UPKEEP_EVERY_S, shared=False),
            # Somebody waits for a reload.
            Duty("policies", policies.look_at_new, POLICIES_EVERY_S, shared=False),
            Duty("left branches", lambda: _delete_left(reverts), LEFT_BRANCHES_EVERY_S),
            Duty("ledger's head", TellsHead(store.ledger), HEAD_EVERY_S),
        ],
        lease_s=settings.lease_s,
        most_attempts=settings.max_attempts,
        elsewhere_wait_s=settings.elsewhere_wait_s,
        threads=settings.worker_threads,
        bell=bell,
    )
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: worker.stop())
    metrics.process_starts.labels("worker").inc()
    gc.freeze()  # a collection in the middle of a check does not walk all that was loaded once
    worker.run()
    traces.send_what_is_left()
    return 0


def notice_duties(settings: Settings, store: Store, active: Callable[[], Policy]) -> list[Duty]:
    """Return what fills the outbox, and what empties it: a duty for each target, so that none waits."""
    targets = read_targets(secret(settings.notice_targets))
    gatherer = Gatherer(
        store,
        active,
        targets,
        public_url=settings.public_url,
        quiet_s=settings.notice_quiet_s,
        waiver_days=settings.notice_waiver_days,
    )
    limits = {"timeout_s": settings.notice_timeout_s, "give_up_s": settings.notice_give_up_s}
    senders = [
        (f"notices to {name}", Sender(store.notices, name, addresses, **limits))
        for name, addresses in targets.items()
    ]
    return [
        Duty("notices", gatherer, NOTICES_EVERY_S, is_wanted=gatherer.is_wanted),
        *(Duty(name, sender, NOTICES_EVERY_S, is_wanted=sender.is_wanted) for name, sender in senders),
    ]


def _delete_left(reverts: RevertContext) -> None:
    repositories = reverts.store.installations.repositories()
    deleted = left_by_reverts.delete_left_branches(reverts, repositories)
    deleted += left_by_setup.delete_left_branches(reverts.lakefs, repositories)
    for branch in deleted:
        log.info("a temporary branch that was left is deleted", branch=branch)


def _keep_up(reverts: RevertContext, settings: Settings) -> None:
    for revert in sweep(reverts):
        log.info("a revert that had broken off", revert=revert.id, state=revert.state, message=revert.message)
    gone = prune(
        reverts.store.engine,
        keep_s=settings.keep_days * DAY_S,
        most_checks=settings.keep_checks,
        most_evaluations=settings.keep_evaluations,
    )
    if any(asdict(gone).values()):
        log.info("pruned", **asdict(gone))


class Supervisor:
    """Keeps web and worker running, restarting each with backoff.

    Parameters
    ----------
    reloads
        Both ends of a pipe: a byte is written at SIGHUP, and web is given the end to read.
    bell
        Both ends of a pipe: web is given the end to write, worker the one to read. Both stay open here, so
        that either may die.
    """

    def __init__(
        self,
        commands: Mapping[str, list[str]],
        environ: Mapping[str, str],
        reloads: tuple[int, int] | None = None,
        bell: tuple[int, int] | None = None,
    ) -> None:
        self._commands = commands
        self._environ = dict(environ)
        self._reloads = reloads
        self._bell = bell
        self._stop = threading.Event()
        self._failed: dict[str, int] = {}

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until a child says that it can never start."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self._stop.set())
        if self._reloads is not None:
            os.set_blocking(self._reloads[1], False)
            signal.signal(signal.SIGHUP, self._hang_up)
        threads = [threading.Thread(target=self._keep, args=item) for item in self._commands.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
        return max(self._failed.values(), default=0)

    def _hang_up(self, *_: object) -> None:
        assert self._reloads is not None  # noqa: S101 - else nobody listens for SIGHUP
        with contextlib.suppress(BlockingIOError):  # so many are waiting already
            os.write(self._reloads[1], b"r")

    def _keep(self, name: str, command: list[str]) -> None:
        of_reloads, of_bell = self._reloads or (), self._bell or ()
        given = (*of_reloads[:1], *of_bell[1:]) if name == "web" else of_bell[:1]
        failures = 0
        while not self._stop.is_set():
            started = time.monotonic()
            code: int | None = None
            try:
                code = self._wait(
                    subprocess.Popen(command, env=self._environ, start_new_session=True, pass_fds=given)
                )
            except OSError:  # no memory, no room for a process: tried again like one that died
                log.exception("a process of the gate could not be started", name=name)
            if self._stop.is_set():
                return
            if code == NEVER_STARTED:
                self._failed[name] = 2
                self._stop.set()
                return
            failures = 0 if time.monotonic() - started > CALM_AFTER_S else failures + 1
            pause = BACKOFF_S[min(failures, len(BACKOFF_S)) - 1] if failures else BACKOFF_S[0]
            log.error("a process of the gate died and is started again", name=name, code=code, after_s=pause)
            self._stop.wait(pause)

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        while process.poll() is None and not self._stop.wait(0.1):
            pass
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.wait()


def serve(settings: Settings, host: str, port: int, policy: str, tokens: Mapping[str, str]) -> int:
    """Run the gate's processes.

    Parameters
    ----------
    policy
        The digest of what to ask by; the database has it.
    tokens
        Settings that the environment does not hold.
    """
    set_up_logs(settings.log_level)
    traces.wanted()  # say now what is missing
    base = [sys.executable, "-c", _START]
    reloads, bell = os.pipe(), os.pipe()
    # In memory where that is possible: prometheus_client maps its files, and a full disk would end us.
    with own_folder(METRICS, below=memory_folder()) as folder:
        kept = folder / "policy"  # what is asked by, also after one of the processes died
        write_digest(kept, policy)
        commands = {
            "web": [*base, "web", str(kept), host, str(port), str(reloads[0]), str(bell[1])],
            "worker": [*base, "worker", str(kept), str(bell[0])],
        }
        environ = {**os.environ, **tokens, metrics.FOLDER: str(folder)}
        return Supervisor(commands, environ, reloads, bell).run()


def serve_worker(settings: Settings) -> int:
    """Run a worker alone, beside gates on other machines."""
    set_up_logs(settings.log_level)
    traces.wanted()
    with (
        own_folder(METRICS, below=memory_folder()) as folder,
        metrics.served(settings.worker_metrics, folder),
    ):
        environ = {**os.environ, metrics.FOLDER: str(folder)}
        return Supervisor({"worker": [sys.executable, "-c", _START, "worker"]}, environ).run()


def _run_web(settings: Settings, host: str, port: int, kept: Path, reloads: int, bell: int) -> int:
    from gate_server.web_server import run_web  # only this child is to pay for a web framework

    return run_web(settings, host, port, kept, reloads, bell)


def main(arguments: list[str]) -> int:
    """Run one child."""
    kept = Path(*arguments[1:2])
    ends = [int(end) for end in arguments[4 if arguments[0] == "web" else 2 :]]
    children: dict[str, Callable[[Settings], int]] = {
        "web": lambda settings: _run_web(settings, arguments[2], int(arguments[3]), kept, *ends),
        "worker": lambda settings: run_worker(settings, kept, Bell(*ends)) if ends else run_worker(settings),
    }
    try:
        settings = read_settings()
        set_up_logs(settings.log_level)
        end_with_parent(signal.SIGTERM)  # a supervisor that is killed leaves no process that holds its port
        return children[arguments[0]](settings)
    except GateError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)  # noqa: T201
        return NEVER_STARTED if error.exit_code == 2 else 1
