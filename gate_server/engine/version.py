"""Which engine answered: part of the key that an evaluation is cached under (D5)."""

from __future__ import annotations

from importlib.metadata import version

# Raise it with every change of what a reader accepts, of a type, or of how an expectation is answered.
READER_VERSION = 13

ENGINE_VERSION = "; ".join(
    [
        f"engine {READER_VERSION}",
        *(
            f"{name} {version(name)}"
            for name in ("great-expectations", "narwhals", "pandas", "polars", "pyarrow")
        ),
    ]
)
