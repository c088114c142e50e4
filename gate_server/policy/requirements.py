"""What rules require of objects and commits without reading a table: names, sizes, kinds, immutability."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gate_server.model import (
    Candidate,
    Change,
    DeclaredOutcome,
    FileKind,
    Outcome,
    Require,
    Rule,
    StoredObject,
)
from gate_server.policy.globs import matches

HEAD_BYTES = 8
# First bytes, as the formats' own descriptions have them.
_MAGIC: Mapping[FileKind, tuple[bytes, ...]] = {
    "parquet": (b"PAR1", b"PARE"),
    "orc": (b"ORC",),
    "arrow": (b"ARROW1", b"\xff\xff\xff\xff"),
}
_COMPRESSED = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd", ".bz2": b"BZh"}
_TEXT: Mapping[FileKind, tuple[str, ...]] = {
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "json": (".json", ".jsonl", ".ndjson"),
}


def kind_of(path: str, head: bytes) -> FileKind | None:
    """Return what an object is by its first bytes, and, where they are text or compressed, by its name.

    Parameters
    ----------
    head
        Its first `HEAD_BYTES` bytes, or all.
    """
    for kind, signs in _MAGIC.items():
        if head.startswith(signs):
            return kind
    name = path.lower()
    packing = next((ending for ending in _COMPRESSED if name.endswith(ending)), "")
    if packing and not head.startswith(_COMPRESSED[packing]):
        return None
    if not packing and (b"\0" in head or head.startswith(tuple(_COMPRESSED.values()))):
        return None
    name = name.removesuffix(packing)
    return next((kind for kind, endings in _TEXT.items() if name.endswith(endings)), None)


def unmet(
    rule: Rule, candidate: Candidate, mine: Sequence[Change], heads: Mapping[str, bytes]
) -> Iterable[DeclaredOutcome]:
    """Return what `rule` requires and the candidate does not keep to.

    Parameters
    ----------
    mine
        The changes that the rule judges, markers left out.
    heads
        The first bytes of each object of a rule that says which formats it allows.
    """
    if rule.require is None:
        return
    if mine:
        yield from _metadata(rule, rule.require, candidate)
    for change in mine:
        if rule.require.immutable and change.old is not None:
            gone = "would be removed" if change.new is None else "would be written anew"
            yield _refused(
                rule,
                change.path,
                f"{gone}, and the rule holds what is there immutable",
                "write a new object beside it, or have the rule waived for this path",
            )
        if change.new is not None:
            yield from _of_object(rule, rule.require, change.new, heads)


def _of_object(
    rule: Rule, require: Require, item: StoredObject, heads: Mapping[str, bytes]
) -> Iterable[DeclaredOutcome]:
    size = item.identity.size_bytes
    if require.names and not matches(item.path, require.names):
        yield _refused(rule, item.path, f"its path matches none of {_listed(require.names)}", "rename it")
    if size < require.min_size_bytes:
        yield _refused(
            rule, item.path, f"has {size:,} bytes, at least {require.min_size_bytes:,} are required"
        )
    if require.max_size_bytes is not None and size > require.max_size_bytes:
        yield _refused(rule, item.path, f"has {size:,} bytes, at most {require.max_size_bytes:,} are allowed")
    if require.content_types and not matches(item.identity.content_type, require.content_types):
        yield _refused(
            rule,
            item.path,
            f"its content type is none of {_listed(require.content_types)}",
            "upload it with its content type",
        )
    if require.formats and kind_of(item.path, heads[item.path]) not in require.formats:
        yield _refused(
            rule,
            item.path,
            f"is none of {_listed(require.formats)} by its first bytes and its name",
            "write it in one of these formats, or keep it elsewhere",
        )


def _metadata(rule: Rule, require: Require, candidate: Candidate) -> Iterable[DeclaredOutcome]:
    commit = candidate.source or candidate.judged or candidate.base
    for key, pattern in require.metadata.items():
        if key not in commit.metadata:
            fault = f"commit {commit.id[:12]} has no metadata `{key}`"
        elif not matches(commit.metadata[key], (pattern,)):
            fault = f"the metadata `{key}` of commit {commit.id[:12]} does not match `{pattern}`"
        else:
            continue
        yield _refused(rule, "", fault, f"commit once more with `{key}` in the metadata")


def _refused(rule: Rule, path: str, fault: str, hint: str = "") -> DeclaredOutcome:
    return DeclaredOutcome("require", Outcome.FAIL, fault, rule.name, path, hint)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
