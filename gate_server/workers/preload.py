"""What the forkserver loads once, so that a child starts in a tenth of a second instead of two."""

import contextlib
import gc
import sys
from importlib import import_module

# Great Expectations would load PySpark where it is installed, for a second; a check on Spark does so itself.
sys.modules["pyspark"] = None  # type: ignore[assignment]

import narwhals as nw  # noqa: E402
import polars as pl  # noqa: E402

import gate_server.engine.evaluate  # noqa: E402
import gate_server.engine.lint  # noqa: E402
import gate_server.workers.child  # noqa: E402, F401
from gate_server.lakefs.client import LakeFS  # noqa: E402

LakeFS("http://nowhere", "", "").close()  # imports the rest of httpx and reads the certificates
nw.from_native(pl.LazyFrame())  # loads what Narwhals has for Polars; starts no threads, which a fork loses
for extra in ("delta", "iceberg"):
    with contextlib.suppress(ImportError):  # is not installed: a check that needs it says so
        import_module(f"gate_server.engine.table_formats.{extra}")
del sys.modules["pyspark"]
gc.freeze()  # else a child's collection walks all that was loaded here, and copies the pages that it lies on
