"""What a check may take: bombs, loops and crashes end with the limit's name, and the gate goes on."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, GOOD, Gate, World, running_gate, until, worker_of

MB = 1_000_000
POLICY = """\
version: 1
rules:
  - {name: bomb, paths: "bomb/*", suite: shape, format: {type: csv}, limits: {decompressed_bytes: 50000000}}
  - {name: disk, paths: "disk/*", suite: shape, format: {type: csv}, limits: {disk_bytes: 50000000}}
  - {name: rows, paths: "rows/*", suite: exists, format: {type: parquet}}
  - name: memory
    paths: "memory/*"
    suite: exists
    format: {type: orc}
    limits: {rows: 2000000000, memory_bytes: 1000000000}
  - name: regex
    paths: "regex/*"
    suite: regex
    format: {type: csv, header: false}
    limits: {time_s: 1.5}
  - name: hang
    paths: "hang/*"
    suite: shape
    format: {type: csv, header: false}
    limits: {time_s: 5}
  - {name: crash, paths: "crash/*", suite: shape, format: {type: csv, header: false}}
  - {name: free, paths: "free/*", suite: shape, format: {type: csv, header: false}}
"""
# Each needs a column of its own in memory: 440 MB by itself, 680 MB all together.
COLUMNS = ("c0", "c1", "c2", "c3", "c4")
POLICY += "".join(
    f"  - {{name: {name}, paths: 'columns/*', suite: {name}, format: {{type: parquet}},"
    " limits: {memory_bytes: 550000000}}\n"
    for name in COLUMNS
)
# The look-behind keeps the regular expression from an engine that never goes back.
SUITES = {
    "shape": [{"type": "expect_table_column_count_to_equal", "kwargs": {"value": 5}}],
    "exists": [{"type": "expect_column_to_exist", "kwargs": {"column": "n"}}],
    "regex": [
        {
            "type": "expect_column_values_to_match_regex",
            "kwargs": {"column": "_c0", "regex": "^(a+)+$(?<!b)"},
        }
    ],
    **{
        name: [
            {
                "type": "expect_column_values_to_match_regex",
                "kwargs": {"column": name, "regex": "^a+$(?<!b)"},
            }
        ]
        for name in COLUMNS
    },
}
# The carriage return keeps it from the reader that takes it in a moment.
LONG = b'"0\r",2,3,4,5\n' + b"".join(b"%d,2,3,4,5\n" % number for number in range(600_000))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("isolated")


@pytest.fixture(scope="module")
def gate(server: RunningServer, folder: Path) -> Iterator[Gate]:
    (folder / "suites").mkdir()
    (folder / "gate.yaml").write_text(POLICY)
    for name, expectations in SUITES.items():
        content = json.dumps({"name": name, "expectations": expectations})
        (folder / "suites" / f"{name}.json").write_text(content)
    policy = str(folder / "gate.yaml")
    with running_gate(
        server.environment, folder, GATE_POLICY=policy, TMPDIR=str(folder), GATE_LEASE_S="2"
    ) as gate:
        until(lambda: gate.api.get("/readyz").status_code == 200)  # the suites are looked at, by a child too
        yield gate


def zeros_10_gb() -> bytes:
    """Return 10 GB of zeros as gzip: members one after the other, as RFC 1952 allows."""
    return gzip.compress(bytes(100 * MB), 6) * 100


def a_billion_claimed() -> bytes:
    """Return a Parquet file of 77 rows whose footer announces a billion, in all places."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": pa.nulls(77, pa.int64())}), sink)
    whole = sink.getvalue()
    length = int.from_bytes(whole[-8:-4], "little")
    body, footer = whole[: -8 - length], whole[-8 - length : -8]
    assert footer.count(varint(2 * 77)) >= 2
    footer = footer.replace(varint(2 * 77), varint(2 * 10**9))  # Thrift's zigzag
    return body + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def varint(number: int) -> bytes:
    """Return LEB128, as Thrift's compact protocol writes numbers."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def rows_200_million() -> bytes:
    """Return an ORC file, which is read in full: it takes some kilobytes, and 1.6 GB in memory."""
    sink = io.BytesIO()
    table = pa.table({"n": pa.nulls(10 * MB, pa.int64())})
    with orc.ORCWriter(sink, compression="zstd") as writer:
        for _ in range(20):
            writer.write(table)
    return sink.getvalue()


def wide_columns(last: str) -> bytes:
    """Return a Parquet file of some kilobytes, whose columns take 60 MB each in memory."""
    sink = io.BytesIO()
    columns = dict.fromkeys(COLUMNS, pa.array(["a" * 3000] * 20_000))
    columns[COLUMNS[-1]] = pa.array([*["a" * 3000] * 19_999, last])
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()


def children(gate: Gate) -> list[psutil.Process]:
    """Return the processes that work in a child's folder."""
    found = []
    for item in psutil.Process(gate.process.pid).children(recursive=True):
        try:
            if Path(item.cwd()).name.startswith("gate-child-"):
                found.append(item)
        except psutil.Error:
            continue
    return found


@contextmanager
def signalled(gate: Gate, *numbers: int) -> Iterator[None]:
    """Send signals to the first child that reads an object, once, before the block ends."""
    stop, sent = threading.Event(), []

    def send() -> None:
        while not stop.wait(0.005) and not sent:
            for item in children(gate):
                with contextlib.suppress(psutil.Error):  # it ended just now
                    if list(Path(item.cwd()).glob("begun-*")):
                        for number in numbers:
                            item.send_signal(number)
                        sent.append(item.pid)
                        break

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("path", "content", "verdict", "limit"),
    [
        ("bomb/a.csv.gz", zeros_10_gb, "FAIL", "limit decompressed_bytes"),
        ("disk/a.csv.gz", zeros_10_gb, "ERROR", "limit disk_bytes"),
        ("rows/a.parquet", a_billion_claimed, "FAIL", "limit rows"),
        ("memory/a.orc", rows_200_million, "ERROR", "limit memory_bytes"),
        ("regex/a.csv", lambda: b"a" * 64 + b"!,1\n", "ERROR", "limit time_s"),
    ],
)
def test_a_bomb_ends_with_the_limits_name_and_the_rest_goes_on(
    world: World,
    gate: Gate,
    folder: Path,
    path: str,
    content: Callable[[], bytes],
    verdict: str,
    limit: str,
) -> None:
    # In the same check: another rule's object, which comes after it.
    world.commit(world.repository.branch("b").create("main"), {path: content(), "free/z.csv": BAD})
    world.commit(world.repository.branch("c").create("main"), {"free/a.csv": GOOD})
    asked = gate.api.post(
        "/api/v1/checks", json={"repository": world.name, "source": "b", "destination": "main"}
    )
    assert asked.status_code == 202
    # Another check, while that one runs.
    assert gate.ask(world.name, "c")["verdict"] == "PASS"
    found = gate.api.get(f"/api/v1/checks/{asked.json()['check']}", params={"wait": 60}).json()
    assert found["allowed"] is False
    by_rule = {reason["rule"]: reason for reason in found["details"]}
    assert limit in by_rule[path.split("/", maxsplit=1)[0]]["message"], found["reasons"]
    assert by_rule[path.split("/", maxsplit=1)[0]]["outcome"] == verdict
    assert by_rule["free"]["outcome"] == "FAIL"  # and not "could not tell"
    assert children(gate) == []
    assert list(folder.glob("gate-child-*")) == []


def test_rules_that_overrun_a_limit_only_together_are_judged_one_by_one(
    world: World, gate: Gate, folder: Path
) -> None:
    world.commit(world.repository.branch("b").create("main"), {"columns/a.parquet": wide_columns("b")})
    found = gate.ask(world.name, "b")
    details = gate.api.get(f"/api/v1/checks/{found['check']}").json()["details"]
    assert [(item["rule"], item["outcome"]) for item in details] == [(COLUMNS[-1], "FAIL")], details
    said = [line for line in (folder / "gate.log").read_text().splitlines() if "evaluated one by one" in line]
    assert len(said) == 1  # else the limit would not have been met at all
    assert list(folder.glob("gate-child-*")) == []


@pytest.mark.parametrize(
    ("rule", "number", "reason"),
    [
        ("hang", signal.SIGSTOP, "limit time_s"),
        ("crash", signal.SIGSEGV, "died (by signal 11)"),
        ("crash", signal.SIGKILL, "died (by signal 9)"),
    ],
)
def test_a_child_that_hangs_or_crashes_is_an_error_and_the_rest_goes_on(
    world: World, gate: Gate, folder: Path, rule: str, number: int, reason: str
) -> None:
    world.commit(world.repository.branch("b").create("main"), {f"{rule}/a.csv": LONG, "free/z.csv": BAD})
    with signalled(gate, number):
        found = gate.ask(world.name, "b")
        details = gate.api.get(f"/api/v1/checks/{found['check']}").json()["details"]
    by_rule = {item["rule"]: item for item in details}
    assert found["allowed"] is False
    assert (by_rule[rule]["outcome"], by_rule["free"]["outcome"]) == ("ERROR", "FAIL"), details
    assert reason in by_rule[rule]["message"]
    assert children(gate) == []
    assert list(folder.glob("gate-child-*")) == []


def has_ended(process: psutil.Process) -> bool:
    """Whether it does nothing any more; when the system takes a dead process away is not ours."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_killed_worker_leaves_neither_process_nor_folder(world: World, gate: Gate, folder: Path) -> None:
    world.commit(world.repository.branch("b").create("main"), {"crash/a.csv": LONG})
    asked = gate.api.post(
        "/api/v1/checks", json={"repository": world.name, "source": "b", "destination": "main"}
    )
    while not (working := children(gate)):
        pass
    left = Path(working[0].cwd())
    worker = worker_of(gate)
    working += worker.children(recursive=True)
    for process in children(gate):
        process.suspend()  # so that it does not end of itself
    worker.kill()
    until(lambda: all(has_ended(process) for process in working))
    found = gate.api.get(f"/api/v1/checks/{asked.json()['check']}", params={"wait": 60}).json()
    assert found["verdict"] == "PASS"
    assert not left.exists()
    assert list(folder.glob("gate-child-*")) == []


def test_a_forkserver_that_dies_is_started_again_without_the_gates_secrets(world: World, gate: Gate) -> None:
    def forkserver() -> psutil.Process:
        there = worker_of(gate).children()
        return next(item for item in there if "multiprocessing.forkserver" in " ".join(item.cmdline()))

    world.branch("b", free__a_dot_csv=GOOD)
    world.branch("c", free__a_dot_csv=BAD)
    assert gate.ask(world.name, "b")["verdict"] == "PASS"
    first = forkserver()
    first.kill()
    until(lambda: first.status() == psutil.STATUS_ZOMBIE)  # the worker has not looked at it yet
    assert gate.ask(world.name, "c")["verdict"] == "FAIL"
    second = forkserver()
    assert second.pid != first.pid
    assert not [name for name in second.environ() if name.startswith(("GATE_", "LAKECTL_"))]


def test_a_killed_supervisor_leaves_no_process(server: RunningServer, tmp_path: Path) -> None:
    with running_gate(server.environment, tmp_path) as gate:
        family = psutil.Process(gate.process.pid).children(recursive=True)
        assert len(family) >= 2
        gate.process.kill()
        until(lambda: all(has_ended(process) for process in family))
