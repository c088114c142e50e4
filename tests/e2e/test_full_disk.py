"""No room on the disk, under the database or under the temporary files: no wrong pass, no lost verdict.

A limit of the size of files (RLIMIT_FSIZE), set from outside and taken away again, stands for the full disk:
each write beyond it fails, and no rights are needed for it.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, Gate, World, running_gate, until, worker_of

# The carriage return keeps it from the reader that needs no file.
ROWS = b'"0\r",2,3,4,5\n' + b"".join(b"%d,2,3,4,5\n" % number for number in range(20_000))


@pytest.fixture(scope="module")
def own_gate(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with running_gate(server.environment, tmp_path_factory.mktemp("gate")) as gate:
        until(lambda: gate.api.get("/readyz").status_code == 200)
        yield gate


@contextmanager
def no_room(processes: list[psutil.Process], from_bytes: int = 0) -> Iterator[None]:
    """Let these processes, and what they start, write no file beyond `from_bytes`."""
    had = [process.rlimit(resource.RLIMIT_FSIZE) for process in processes]
    for process, (_, hard) in zip(processes, had, strict=True):
        process.rlimit(resource.RLIMIT_FSIZE, (from_bytes, hard))
    try:
        yield
    finally:
        for process, limits in zip(processes, had, strict=True):
            process.rlimit(resource.RLIMIT_FSIZE, limits)


def forkserver_of(gate: Gate) -> psutil.Process:
    """Return the process that children come from, and have their limits from."""
    found = [item for item in worker_of(gate).children() if "forkserver" in " ".join(item.cmdline())]
    return found[0]


@pytest.mark.parametrize("from_bytes", [0, 100_000], ids=["nothing fits", "the object does not fit"])
def test_no_room_for_temporary_files_is_an_error_and_not_remembered(
    world: World, own_gate: Gate, from_bytes: int
) -> None:
    world.commit(world.repository.branch("b").create("main"), {"lakefs_test.csv": ROWS})
    with no_room([forkserver_of(own_gate)], from_bytes):
        answer = own_gate.ask(world.name, "b")
    assert (answer["verdict"], answer["allowed"]) == ("ERROR", False), answer
    assert own_gate.ask(world.name, "b")["verdict"] == "PASS"


def an_event(world: World) -> dict[str, str]:
    """Commit bad data to main; return the event of its merge."""
    world.commit(world.main, {"lakefs_test.csv": BAD})
    head = world.main.get_commit().id
    names = {"event_type": "pre-merge", "repository_id": world.name, "branch_id": "main"}
    return {**names, "source_ref": head, "commit_id": head}


def test_no_room_for_the_database_loses_no_verdict(world: World, own_gate: Gate) -> None:
    event = an_event(world)
    gate = psutil.Process(own_gate.process.pid)
    with no_room([gate, *gate.children(recursive=True)]):
        refused = own_gate.hooks.post("/hooks/lakefs", json=event)
        assert refused.status_code >= 500, refused.text
        assert refused.json().get("allowed") is not True
    answer = own_gate.post_event(event)
    assert (answer.status_code, answer.json()["verdict"]) == (412, "FAIL")


def test_the_worker_alone_has_no_room_for_the_database(world: World, own_gate: Gate) -> None:
    """What it cannot write it does not tell; who asks hears the verdict when there is room again."""
    event = an_event(world)
    with no_room([worker_of(own_gate)]):
        waiting = own_gate.hooks.post("/hooks/lakefs", json=event, headers={"Prefer": "wait=1"})
        assert (waiting.status_code, waiting.json()["allowed"]) == (503, False)
    answer = own_gate.post_event(event)
    assert (answer.status_code, answer.json()["verdict"]) == (412, "FAIL")
