"""Spark's own cluster on loopback: a master, and a worker of one core, as processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyspark

from tests.e2e.harness import free_port
from tests.spark.harness import S3A_JARS

HOME = Path(pyspark.__file__).parent
PATIENCE_S = 600
SHORT_JOBS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"  # as in harness.py
# What executors want beside a driver's settings. Each file is a task of its own.
CONF = {
    "spark.executor.extraClassPath": f"{S3A_JARS}/*",
    "spark.executor.extraJavaOptions": SHORT_JOBS,
    "spark.executor.memory": "512m",
    "spark.hadoop.fs.s3a.connection.request.timeout": "1h",  # a read that is held is no fault by itself
    "spark.sql.files.minPartitionNum": "8",
}


def until(reached: Callable[[], object]) -> None:
    """Wait until something holds, however long a loaded machine takes."""
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


@dataclass
class Standalone:
    """A master that answers, and its worker, if one runs."""

    folder: Path
    url: str
    pages: httpx.Client
    worker: subprocess.Popen[bytes] | None = None

    def start_worker(self) -> None:
        """Start a worker, and wait until the master knows it."""
        own = ["--host", "127.0.0.1", "--webui-port", "0", "--work-dir", str(self.folder / "work")]
        self.worker = started(self.folder, "worker.Worker", *own, "--cores", "1", "--memory", "1g", self.url)
        until(lambda: self.told()["aliveworkers"] == 1)

    def kill_worker(self) -> None:
        """Kill the worker and its executors, as when their machine loses its power."""
        if self.worker is not None:
            end(self.worker)
            self.worker = None

    def executors(self) -> list[psutil.Process]:
        """Return the executors that run."""
        if self.worker is None:
            return []
        found = []
        for one in psutil.Process(self.worker.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "CoarseGrainedExecutorBackend" in " ".join(one.cmdline()):
                    found.append(one)
        return found

    def told(self) -> dict[str, Any]:
        """Return what the master tells of itself."""
        return dict(self.pages.get("/json/").json())

    def running(self) -> list[str]:
        """Return the applications that run or wait."""
        return [one["id"] for one in self.told()["activeapps"]]

    def cancel(self, application: str) -> None:
        """End an application, by the form on the master's page."""
        token = re.search('name="csrfToken" value="([^"]*)"', self.pages.get("/").text)
        asked = {"id": application, "terminate": "true", "csrfToken": token[1] if token else ""}
        assert self.pages.post("/app/kill/", data=asked).is_redirect


@contextmanager
def standalone(folder: Path) -> Iterator[Standalone]:
    """Run a master and a worker until the block ends."""
    port, pages_port = free_port(), free_port()
    pages = httpx.Client(base_url=f"http://127.0.0.1:{pages_port}", timeout=PATIENCE_S)
    cluster = Standalone(folder, f"spark://127.0.0.1:{port}", pages)
    own = ["--host", "127.0.0.1", "--port", str(port), "--webui-port", str(pages_port)]
    master = started(folder, "master.Master", *own)

    def answers() -> bool:
        assert master.poll() is None, (folder / "Master.log").read_text()[-3000:]
        with suppress(httpx.TransportError, ValueError):  # it serves other pages before this one
            return bool(cluster.told()["status"] == "ALIVE")
        return False

    try:
        until(answers)
        cluster.start_worker()
        yield cluster
    finally:
        cluster.kill_worker()
        end(master)
        pages.close()


def started(folder: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start one of Spark's daemons."""
    own = {
        "SPARK_HOME": str(HOME),
        "SPARK_DAEMON_JAVA_OPTS": SHORT_JOBS,
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_LOCAL_DIRS": str(folder),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    with (folder / f"{name.rpartition('.')[2]}.log").open("ab") as log:
        return subprocess.Popen(
            [HOME / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", *arguments],
            env={**os.environ, **own},
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
