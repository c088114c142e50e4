"""What of a commit each rule is for: objects are counted up to a bound, none is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from gate_server.lakefs.answers import Entry, as_shape
from gate_server.lakefs.client import LakeFS, repository_url
from gate_server.model import Commit, ObjectIdentity, Rule, StoredObject
from gate_server.policy.globs import covering_prefixes, literal_prefix
from gate_server.policy.targets import concerns, passed_over, root_of

MOST_OBJECTS = 20_000
MOST_PREFIXES = 100  # each is at least one call
PATHS_NAMED = 3


@dataclass
class Matched:
    """What a rule is for. ``is_whole``: all that it could be for was looked at; else there may be more."""

    rule: Rule
    objects: int = 0
    size_bytes: int = 0
    paths: list[str] = field(default_factory=list)
    datasets: set[str] = field(default_factory=set)
    is_whole: bool = True

    def count(self, item: StoredObject) -> None:
        """Take `item` in where the rule judges it."""
        if not concerns(self.rule, item.path) or passed_over(item, self.rule):
            return
        self.objects += 1
        self.size_bytes += item.identity.size_bytes
        if len(self.paths) < PATHS_NAMED:
            self.paths.append(item.path)
        if self.rule.scope == "dataset":
            self.datasets.add(root_of(self.rule, item.path))


def matched(lakefs: LakeFS, repository: str, commit: Commit, rules: Sequence[Rule]) -> list[Matched]:
    """Return what each of `rules` is for at `commit`, of up to `MOST_OBJECTS` objects.

    Below how many prefixes the rules look, so many ways share the bound, that a large folder does not hide a
    small one. Raises `LakeFSError`.
    """
    found = [Matched(rule) for rule in rules]
    prefixes = covering_prefixes(pattern for rule in rules for pattern in rule.paths) if rules else ()
    left, cut = MOST_OBJECTS, list(prefixes[MOST_PREFIXES:])
    for number, prefix in enumerate(prefixes[:MOST_PREFIXES]):
        share = left // (min(len(prefixes), MOST_PREFIXES) - number)
        seen = 0
        for item in islice(_below(lakefs, repository, commit, prefix), share + 1):
            if seen == share:
                cut.append(prefix)
                break
            seen += 1
            for one in found:
                one.count(item)
        left -= seen
    for one in found:
        starts = tuple(literal_prefix(pattern) for pattern in one.rule.paths)
        one.is_whole = not any(start.startswith(tuple(cut)) for start in starts)
    return found


def _below(lakefs: LakeFS, repository: str, commit: Commit, prefix: str) -> Iterator[StoredObject]:
    path = repository_url(repository, "refs", commit.id, "objects", "ls")
    for data in lakefs.pages(path, prefix=prefix):
        entry = as_shape(Entry, data, f"GET {path}")
        identity = ObjectIdentity(entry.physical_address, entry.checksum, entry.size_bytes)
        yield StoredObject(entry.path, identity, commit.id)
