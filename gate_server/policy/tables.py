"""Rules on tables that have a log of their own: what such a rule needs, and what no writer of tables does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec

from gate_server.model import Change, ChangeKind, Changes, DeclaredOutcome, Outcome, Rule, StoredObject
from gate_server.policy.globs import matches

_VERSION = {
    "delta": re.compile(r"_delta_log/(\d{20})\.json"),
    "iceberg": re.compile(r"metadata/v?(\d{1,18})(?:-[^/]+)?\.metadata\.json"),
}
_CHECKPOINT = re.compile(r"_delta_log/(\d{20})\.checkpoint(?:\.\d{10}\.\d{10})?\.parquet")
# What a writer may write once more: hints, checksums and checkpoints, which say nothing new.
_WRITTEN_AGAIN = {
    "delta": re.compile(r"_delta_log/(_last_checkpoint|[^/]+\.checkpoint\.[^/]+|[^/]*\.crc)"),
    "iceberg": re.compile(r"metadata/version-hint\.text"),
}
# For each format what the table below its root may look like, and the library that reads its log.
_PROBES = {
    "delta": ("_delta_log/00000000000000000000.json", "day=1/part-0.parquet"),
    "iceberg": ("metadata/00000-a.metadata.json", "data/day=1/part-0.parquet"),
}
_LIBRARIES = {"delta": "deltalake", "iceberg": "pyiceberg"}


def table_at(path: str) -> tuple[str, str] | None:
    """Return root and format of the table whose log `path` is a part of; None where it is of none."""
    for kind, version in _VERSION.items():
        if found := re.fullmatch(f"(|.*/){version.pattern}", path):
            return found[1], kind
    return None


def wrong_table(rule: Rule) -> Iterable[str]:
    """Yield what is wrong with a rule on a table."""
    kind = rule.format.type
    if not rule.suite or not rule.format.is_table:
        return
    if rule.scope != "dataset":
        yield f"a table of format {kind} is a folder: `scope: dataset` and its root, `dataset:`, are needed"
    root = re.sub(r"\{[^}]*\}", "x", rule.dataset)
    if rule.dataset and not all(matches(root + probe, rule.paths) for probe in _PROBES[kind]):
        yield f"`paths:` has to cover all of the table, its log included, such as {rule.dataset}**"
    if rule.format.partitions:
        yield f"format.partitions is not for {kind}: its log says which columns a file's folder gives"
    if rule.runs == "here" and find_spec(_LIBRARIES[kind]) is None:
        yield f"format {kind} needs a library that is not installed: pip install 'lakefs-gate[{kind}]'"


def unlogged(rule: Rule, root: str, mine: Sequence[Change], changes: Changes) -> Iterable[DeclaredOutcome]:
    """Yield what changes below a table's `root` in a way that its log cannot tell of.

    Files of such a table are written once, under a name of their own, and its versions only go up: readers
    keep by name what they read, and the gate what it found.
    """
    for change in mine:
        name = change.path.removeprefix(root)
        if (
            change.kind is ChangeKind.CHANGED
            and change.path.startswith(root)
            and not _WRITTEN_AGAIN[rule.format.type].fullmatch(name)
        ):
            yield DeclaredOutcome(
                "table",
                Outcome.FAIL,
                "is written anew in its place, and files of a table never are: its log does not tell of it",
                rule.name,
                change.path,
                "write it as a new file, by a version of its own",
            )
    before, after = (_newest(rule, root, paths) for paths in (changes.base, changes.result))
    if after is not None and before is not None and after < before:
        yield DeclaredOutcome(
            "table",
            Outcome.FAIL,
            f"goes back from version {before} to {after}, and a table's versions only go up",
            rule.name,
            root,
            "restore it by a version of its own; a whole branch goes back by `gate revert`",
        )


def columns_before(rule: Rule, root: str, base: Mapping[str, StoredObject]) -> tuple[StoredObject, ...]:
    """Return what at the destination says which columns the table at `root` has; nothing of a new one.

    Of Iceberg that is the newest metadata, of Delta the newest checkpoint and the commits after it.
    """
    versions = dict(_versions(_VERSION[rule.format.type], root, base))
    if rule.format.type == "iceberg":
        newest = max(versions.values(), default=0)
        return tuple(base[path] for path in sorted(versions) if versions[path] == newest)
    checkpoints = dict(_versions(_CHECKPOINT, root, base))
    since = max(checkpoints.values(), default=-1)
    wanted = [path for path, version in checkpoints.items() if version == since]
    wanted += [path for path, version in versions.items() if version > since]
    return tuple(base[path] for path in sorted(wanted))


def _versions(pattern: re.Pattern[str], root: str, paths: Iterable[str]) -> Iterable[tuple[str, int]]:
    """Yield the files of a table's log that `pattern` is of, with their versions."""
    for path in paths:
        if path.startswith(root) and (found := pattern.fullmatch(path, len(root))):
            yield path, int(found[1])


def _newest(rule: Rule, root: str, paths: Iterable[str]) -> int | None:
    return max((version for _, version in _versions(_VERSION[rule.format.type], root, paths)), default=None)
