"""What a rule judges of what changes: objects or datasets, and what they are compared with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gate_server.model import Change, Rule, StoredObject
from gate_server.policy.globs import matches


def concerns(rule: Rule, path: str) -> bool:
    """Whether `rule` judges what lies at `path`; a dataset's rule only what lies under its root."""
    if rule.format.is_table:  # all of it, its log included
        return root_of(rule, path) != ""
    return matches(path, rule.paths) and (rule.scope == "object" or root_of(rule, path) != "")


def without_markers(rule: Rule, mine: Iterable[Change]) -> list[Change]:
    """Return the changes as if markers were not there."""
    seen = []
    for change in mine:
        old, new = (
            None if item is None or passed_over(item, rule) else item for item in (change.old, change.new)
        )
        if old or new:
            seen.append(replace(change, old=old, new=new))
    return seen


def gone(rule: Rule, mine: Sequence[Change], result: Mapping[str, StoredObject]) -> list[str]:
    """Return the objects that go where nothing is left to judge; a marker in their place is nothing."""
    removed = [
        change.path
        for change in mine
        if change.old is not None
        and not passed_over(change.old, rule)
        and (change.new is None or passed_over(change.new, rule))
    ]
    if not removed:
        return []
    if rule.scope == "object":
        return [] if any(targets(rule, mine, result)) else removed
    left = {root for root, _ in targets(rule, mine, result)}
    return [path for path in removed if root_of(rule, path) not in left]


def targets(
    rule: Rule, mine: Sequence[Change], result: Mapping[str, StoredObject]
) -> Iterable[tuple[str, tuple[StoredObject, ...]]]:
    """Yield each object or dataset that `rule` judges, with its objects as the result has them."""
    if rule.scope == "object":
        for change in mine:
            if change.new is not None and not passed_over(change.new, rule):
                yield change.path, (change.new,)
        return
    for prefix in sorted({root_of(rule, change.path) for change in mine}):
        if parts := _parts(rule, prefix, result, rule.paths):
            yield prefix, parts


def reference_of(rule: Rule, target: str, base: Mapping[str, StoredObject]) -> tuple[StoredObject, ...]:
    """Return what `base` holds at the rule's reference, by default where the target lies."""
    place = rule.reference or target
    if rule.scope == "object" and not rule.reference.endswith("/"):
        found = [base[place]] if place in base else []
        return tuple(item for item in found if not passed_over(item, rule))
    return _parts(rule, place, base, ("**",) if rule.reference else rule.paths)


def _parts(
    rule: Rule, root: str, listing: Mapping[str, StoredObject], patterns: Sequence[str]
) -> tuple[StoredObject, ...]:
    """Return the parts of the dataset at `root`, in the order of its rows."""
    paths = [
        path
        for path in listing
        if path.startswith(root) and (rule.format.is_table or matches(path, patterns))
    ]
    paths.sort(key=lambda path: path.encode("utf-8", "surrogatepass"))
    return tuple(item for item in map(listing.__getitem__, paths) if not passed_over(item, rule))


def is_marker(item: StoredObject) -> bool:
    """Whether `item` is one of the empty objects that tools leave in folders."""
    if item.identity.size_bytes:
        return False
    name = item.path.rpartition("/")[2]
    return name in ("", "_SUCCESS") or item.path.endswith("_$folder$") or name.startswith(("_", "."))


def passed_over(item: StoredObject, rule: Rule) -> bool:
    """Whether `item` is a marker, or hidden under a rule that skips hidden files.

    Readers such as Polars read hidden files, so those are judged unless the rule says otherwise.
    """
    if is_marker(item):
        return True
    skips = rule.hidden == "skip" and not rule.format.is_table
    return skips and item.path.rpartition("/")[2].startswith(("_", "."))


def root_of(rule: Rule, path: str) -> str:
    """Return the root of the dataset that `path` is a part of, one for each captured value, or ""."""
    parts = re.split(r"(\{[A-Za-z_][A-Za-z0-9_]*\})", rule.dataset)
    pattern = "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts)
    found = re.match(pattern, path)
    return found.group(0) if found else ""


def dataset_glob(root: str) -> str:
    """Return the pattern of all that lies under a rule's datasets."""
    return re.sub(r"\{[A-Za-z_][A-Za-z0-9_]*\}", "*", root) + "**"
