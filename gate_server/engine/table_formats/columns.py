"""The columns of a table as its log tells them, and how two versions of it differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gate_server.engine.naming import plain, quoted
from gate_server.model import SchemaChange

MOST_TOLD = 100


@dataclass(frozen=True)
class Column:
    """A column, or what lies in a nested one.

    Parameters
    ----------
    key
        By which the table knows it, whatever it is called.
    kind
        Its type, of a nested one without what lies in it.
    type
        For people.
    """

    key: object
    name: str
    kind: str
    type: str
    is_nullable: bool
    inside: tuple[Column, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The columns of a version of a table, and what it is partitioned by: keys, and in words."""

    columns: tuple[Column, ...]
    partitions: tuple[object, ...]
    partitioned_by: str


def of_delta(fields: Sequence[Mapping[str, Any]], partitions: Sequence[str]) -> Layout:
    """Return what a `metaData` action says; a renamed column keeps its physical name."""
    columns = tuple(_delta_field(one) for one in fields)
    keys = {one.name: one.key for one in columns}
    return Layout(columns, tuple(keys[name] for name in partitions), ", ".join(map(quoted, partitions)))


def of_iceberg(metadata: Mapping[str, Any], *, by_number: bool) -> Layout:
    """Return what a metadata file says; a column keeps its number as long as the table is the same one.

    Raises
    ------
    LookupError
        It names a schema or a partitioning that it does not hold.
    """
    schema = _current(metadata, "schemas", "current-schema-id", "schema-id") or metadata["schema"]
    names = {one["id"]: one["name"] for one in schema["fields"]}
    spec = _current(metadata, "partition-specs", "default-spec-id", "spec-id")
    fields = (spec["fields"] if spec else metadata["partition-spec"]) or ()
    partitions = [(one["source-id"], one["transform"]) for one in fields if one["transform"] != "void"]
    told = [
        quoted(names.get(source, source)) if how == "identity" else f"{plain(how)} of {quoted(names[source])}"
        for source, how in partitions
    ]
    return Layout(
        tuple(_iceberg_field(one, by_number) for one in schema["fields"]),
        tuple((source if by_number else names[source], how) for source, how in partitions),
        ", ".join(told),
    )


def compare(before: Layout, after: Layout) -> tuple[SchemaChange, ...]:
    """Return how a version differs from the one before, column by column; names are fit for a line."""
    found = list(_compared(before.columns, after.columns, ""))
    if before.partitions != after.partitions:
        found.append(SchemaChange("partitions", "", before.partitioned_by, after.partitioned_by))
    if len(found) <= MOST_TOLD:
        return tuple(found)
    return (*found[:MOST_TOLD], SchemaChange("more", after=f"{len(found) - MOST_TOLD:,}"))


def _compared(before: Sequence[Column], after: Sequence[Column], within: str) -> Iterator[SchemaChange]:
    old, new = {one.key: one for one in before}, {one.key: one for one in after}
    for key, one in old.items():
        if key not in new:
            yield SchemaChange("dropped", within + plain(one.name), before=plain(one.type))
    for key, one in new.items():
        name = within + plain(one.name)
        if key not in old:
            yield SchemaChange("added", name, after=plain(one.type))
            continue
        was = old[key]
        if was.name != one.name:
            yield SchemaChange("renamed", name, within + plain(was.name), name)
        if was.kind != one.kind:
            yield SchemaChange("retyped", name, plain(was.type), plain(one.type))
        if was.is_nullable != one.is_nullable:
            told = ["nullable" if each.is_nullable else "required" for each in (was, one)]
            yield SchemaChange("nullability", name, *told)
        if was.kind == one.kind:
            yield from _compared(was.inside, one.inside, f"{name}.")


def _delta_field(field: Mapping[str, Any]) -> Column:
    key = (field.get("metadata") or {}).get("delta.columnMapping.physicalName", field["name"])
    return _delta(key, field["name"], field["type"], bool(field["nullable"]))


def _delta(key: object, name: str, told: Any, is_nullable: bool) -> Column:
    if isinstance(told, str):
        return Column(key, name, told, told, is_nullable)
    kind = told["type"]
    if kind == "struct":
        return Column(key, name, kind, kind, is_nullable, tuple(_delta_field(one) for one in told["fields"]))
    if kind == "array":
        element = _delta("element", "element", told["elementType"], bool(told["containsNull"]))
        return Column(key, name, kind, f"array of {element.type}", is_nullable, (element,))
    of = _delta("key", "key", told["keyType"], False)
    to = _delta("value", "value", told["valueType"], bool(told["valueContainsNull"]))
    return Column(key, name, kind, f"map of {of.type} to {to.type}", is_nullable, (of, to))


def _iceberg_field(field: Mapping[str, Any], by_number: bool) -> Column:
    key = field["id"] if by_number else field["name"]
    return _iceberg(key, field["name"], field["type"], not field["required"], by_number)


def _iceberg(key: object, name: str, told: Any, is_nullable: bool, by_number: bool) -> Column:
    if isinstance(told, str):
        return Column(key, name, told, told, is_nullable)
    kind = told["type"]
    if kind == "struct":
        inside = tuple(_iceberg_field(one, by_number) for one in told["fields"])
        return Column(key, name, kind, kind, is_nullable, inside)
    if kind == "list":
        element = _iceberg("element", "element", told["element"], not told["element-required"], by_number)
        return Column(key, name, kind, f"list of {element.type}", is_nullable, (element,))
    of = _iceberg("key", "key", told["key"], False, by_number)
    to = _iceberg("value", "value", told["value"], not told["value-required"], by_number)
    return Column(key, name, kind, f"map of {of.type} to {to.type}", is_nullable, (of, to))


def _current(metadata: Mapping[str, Any], several: str, current: str, number: str) -> Any:
    """Return the one of several that counts; None where there are none, as in the first version."""
    if several not in metadata:
        return None
    found = [one for one in metadata[several] if one[number] == metadata[current]]
    return found[0]
