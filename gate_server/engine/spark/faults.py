"""What went wrong on a cluster, in words: of which kind it was, never its text, which may hold values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from gate_server.engine.run import Unanswered
from gate_server.engine.spark.cluster import Cluster

# By what stands in the classes of Java's exceptions, or in Spark's own names of faults.
_HINTS = (
    (
        r"AccessDenied|InvalidAccessKey|SignatureDoesNotMatch|NoAuthWithAWS|CredentialInitialization",
        "lakeFS's S3 gateway refused the keys, or they may not read this repository",
    ),
    (
        r"S3AFileSystem|NoSuchMethodError|NoClassDefFoundError|UnsupportedFileSystem",
        "the cluster has no hadoop-aws of its Hadoop's version: see docs/spark.md",
    ),
    (
        r"UnknownHost|ConnectException|NoRouteToHost|SdkClientException|ConnectTimeout|SocketTimeout",
        "an address was not reached from the cluster: GATE_SPARK_S3_ENDPOINT has to be one that it reaches",
    ),
    (r"FileNotFound|PATH_NOT_FOUND", "the gateway does not show an object that lakeFS lists"),
    (
        r"UNAVAILABLE|Py4JNetwork|JAVA_GATEWAY_EXITED|ConnectionRefused|All masters are unresponsive",
        "the cluster was not reached: GATE_SPARK_MASTER or GATE_SPARK_REMOTE, and Java for an own driver",
    ),
    (
        r"OutOfMemory|ExecutorLost|FetchFailed|SparkOutOfMemory",
        "the cluster lost a worker, or its memory ran out",
    ),
    (
        r"Master removed our application|cancelled|CANCELED|INTERRUPTED"
        r"|stopped SparkContext|SparkContext was shut down",
        "the job was cancelled, or its driver stopped, as it does when it does not reach GATE_SPARK_MASTER",
    ),
    (r"StackOverflow", "a regular expression or a set is too much for Java"),
)
# After these there is no driver any more: what is asked next is answered by what became of it, not by why.
_ENDED = re.compile(
    r"Master removed our application|All masters are unresponsive|SparkContext was shut down"
    r"|stopped SparkContext|Py4JNetwork"
)
_CLASS = re.compile(r"\b(?:[a-z_][a-z0-9_]*\.)+([A-Z]\w*(?:Exception|Error|Failure))\b")


@contextmanager
def told(cluster: Cluster) -> Iterator[None]:
    """Turn what PySpark raises into `Unanswered`.

    What ended the driver is told of all that is asked later, too.
    """
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("pyspark.", "py4j.", "grpc.")):
            raise
        found = Unanswered(_words(error))
        if _ENDED.search(str(error)):
            cluster.ended(found)
        raise found from error


def _words(error: Exception) -> str:
    text = str(error)
    condition = getattr(error, "getCondition", lambda: None)() or ""
    classes = list(dict.fromkeys([type(error).__name__, condition, *_CLASS.findall(text)]))
    kind = ", ".join(name for name in classes[:1] + classes[-3:] if name)
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, f"{' '.join(classes)} {text}")), "")
    return f"Spark gave no answer ({kind})" + (f": {hint}" if hint else "")
