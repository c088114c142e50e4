"""``encoding/parquet``: an object's schema, by pyarrow where that is installed."""

from __future__ import annotations

from io import BytesIO

from local_lakefs.actions.lua_modules.arguments import Arguments
from local_lakefs.actions.lua_values import CannotConvert


def _get_schema(given: Arguments) -> list[dict[str, str]]:
    """List all elements of a file's schema but its root, depth first; what is a group has no type."""
    content = given.bytes(1)
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise CannotConvert(
            "encoding/parquet is offered by the embedded lakeFS only where pyarrow is installed"
        ) from error
    try:
        schema = ParquetFile(BytesIO(content)).schema
    except (ArrowException, OSError) as error:
        raise CannotConvert(f"no Parquet: {error}") from error
    elements: list[dict[str, str]] = []
    groups: list[str] = []  # that the column before is in
    for at in range(len(schema.names)):
        column = schema.column(at)
        above = column.path.removesuffix(column.name).split(".")[:-1]
        known = next(
            (depth for depth, name in enumerate(above) if groups[depth : depth + 1] != [name]), len(above)
        )
        elements += [{"name": name, "type": "N/A"} for name in above[known:]]
        elements.append({"name": column.name, "type": column.physical_type})
        groups = above
    return elements


PARQUET = {"get_schema": _get_schema}
