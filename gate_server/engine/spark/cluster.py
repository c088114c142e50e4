"""A Spark cluster, and the session on it by which tables are judged; PySpark is imported with that."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from uuid import uuid4

# What decides on an answer, whatever the cluster's own settings are.
_MEANING = {
    "spark.sql.ansi.enabled": "true",  # what overflows is an error, not another number
    "spark.sql.caseSensitive": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.parquet.aggregatePushdown": "false",  # values are counted, not believed of footers
    "spark.sql.parquet.filterPushdown": "false",  # nor are any passed over by what these say
    "spark.sql.parquet.binaryAsString": "false",
    "spark.sql.parquet.int96AsTimestamp": "true",
    "spark.sql.legacy.statisticalAggregate": "false",
}
# Of a driver that only this check uses.
_OWN_DRIVER = {
    "spark.app.name": "lakefs-gate",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.shuffle.partitions": "64",
}


@dataclass(frozen=True)
class ClusterSettings:
    """Where a cluster is, and how it reads.

    Parameters
    ----------
    remote
        A Spark Connect server, ``sc://HOST:PORT``.
    master
        Where a driver of our own gets its executors, such as ``spark://HOST:PORT`` or ``local[2]``; not with
        `remote`.
    conf
        Spark's own settings; they yield to those that decide on answers.
    read_options
        How files are opened: lakeFS's S3 gateway and its keys, for what is read here alone.
    """

    remote: str = ""
    master: str = ""
    conf: Mapping[str, str] = field(default_factory=dict)
    read_options: Mapping[str, str] = field(default_factory=dict, repr=False)


class Cluster:
    """A session on a cluster, begun when it is first asked for.

    Parameters
    ----------
    folder
        Where a driver of our own keeps its temporary files.
    told
        Hears the id of a session on a Spark Connect server before it begins, so that somebody can end it
        when this process cannot.
    """

    def __init__(
        self, settings: ClusterSettings, folder: str, told: Callable[[str], object] = lambda _: None
    ) -> None:
        self.settings = settings
        self._folder = folder
        self._told = told
        self._session: Any = None
        self._failed: Exception | None = None

    @property
    def session(self) -> Any:
        """The session.

        Raises
        ------
        Unanswered
            There is none to be had, as its message says.
        """
        if self._failed is not None:  # looking for a cluster takes minutes: not for each rule anew
            raise self._failed
        if self._session is None:
            try:
                self._session = self._begun()
            except Exception as error:
                self._failed = error
                raise
        return self._session

    def _begun(self) -> Any:
        from gate_server.engine.run import Unanswered  # with Great Expectations, which only children import

        if not (self.settings.remote or self.settings.master):
            raise Unanswered(
                "the rule says `engine: spark`, and no cluster is set: GATE_SPARK_MASTER or GATE_SPARK_REMOTE"
            )
        if find_spec("pyspark") is None:
            raise Unanswered(
                "`engine: spark` needs a library that is not installed: pip install 'lakefs-gate[spark]'"
            )
        os.environ["TZ"] = "UTC"  # in which PySpark hands moments over
        time.tzset()
        session = self._remote() if self.settings.remote else self._own()
        for name, value in _MEANING.items():
            session.conf.set(name, value)
        return session

    def _remote(self) -> Any:
        from pyspark.sql import SparkSession

        session_id = str(uuid4())
        self._told(session_id)
        session = SparkSession.builder.remote(at_session(self.settings.remote, session_id)).create()
        for name, value in self.settings.conf.items():
            session.conf.set(name, value)
        return session

    def _own(self) -> Any:
        from pyspark.sql import SparkSession

        os.environ.setdefault("SPARK_LOCAL_DIRS", self._folder)
        own = {
            **_OWN_DRIVER,
            "spark.sql.warehouse.dir": f"{self._folder}/warehouse",
            **self.settings.conf,
            **_MEANING,
        }
        java = f"-Djava.io.tmpdir={self._folder} -XX:-UsePerfData"
        own["spark.driver.extraJavaOptions"] = (
            f"{java} {own.get('spark.driver.extraJavaOptions', '')}".strip()
        )
        builder = SparkSession.builder.master(self.settings.master)
        for name, value in own.items():
            builder = builder.config(name, value)
        return builder.getOrCreate()

    def ended(self, why: Exception) -> None:
        """Say that the driver is gone: who asks for the session from now on is told why."""
        self._failed = why

    def close(self) -> None:
        """End the session, if one began, and what runs in it."""
        if self._session is not None:
            self._session.stop()


def at_session(remote: str, session_id: str) -> str:
    """Return a Spark Connect server's address with the id of a session on it."""
    address = remote.rstrip("/")
    slash = "" if "/;" in address else "/"
    return f"{address}{slash};session_id={session_id}"
