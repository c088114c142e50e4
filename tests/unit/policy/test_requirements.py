"""What rules require without reading a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gate_server.model import (
    Candidate,
    Change,
    ChangeKind,
    Changes,
    Commit,
    ObjectIdentity,
    Outcome,
    Plan,
    Policy,
    Require,
    Rule,
    StoredObject,
)
from gate_server.policy.plan import looked_into, make_plan
from gate_server.policy.requirements import kind_of

CANDIDATE = Candidate("repo", "main", Commit("b" * 64, "mb"), Commit("j" * 64, "mj"), Commit("s" * 64, "ms"))


def stored(path: str, size: int = 10, content_type: str = "") -> StoredObject:
    return StoredObject(path, ObjectIdentity(f"a/{path}", "c", size, content_type=content_type), "j" * 64)


def planned(*changes: Change, heads: Any = None, candidate: Candidate = CANDIDATE, **require: Any) -> Plan:
    rule = Rule("r", ("data/**",), require=Require(**require), on_delete="pass")
    result = {change.path: change.new for change in changes if change.new}
    what = Changes(under_rules=changes, result=result)
    return make_plan(Policy((rule,), {}), candidate, what, engine_version="1", heads=heads)


def change(path: str, old: int | None = None, new: int | None = 10, **more: Any) -> Change:
    before, after = (None if size is None else stored(path, size, **more) for size in (old, new))
    return Change(path, ChangeKind.CHANGED, before, after)


@pytest.mark.parametrize(
    ("require", "what", "fault"),
    [
        ({"names": ("data/*.csv",)}, change("data/a.csv"), ""),
        ({"names": ("data/*.csv",)}, change("data/x/a.csv"), "its path matches none of `data/*.csv`"),
        ({"min_size_bytes": 10}, change("data/a"), ""),
        ({"min_size_bytes": 11}, change("data/a"), "has 10 bytes, at least 11 are required"),
        ({"max_size_bytes": 10}, change("data/a"), ""),
        ({"max_size_bytes": 0}, change("data/a"), "has 10 bytes, at most 0 are allowed"),
        ({"content_types": ("text/*",)}, change("data/a", content_type="text/csv"), ""),
        ({"content_types": ("text/*",)}, change("data/a"), "its content type is none of `text/*`"),
        ({"immutable": True}, change("data/a"), ""),
        ({"immutable": True}, change("data/a", old=9), "would be written anew"),
        ({"immutable": True}, change("data/a", old=9, new=None), "would be removed"),
        ({"immutable": True}, change("data/_SUCCESS", old=0, new=0), ""),
        ({"immutable": True}, change("data/_h", old=3, new=0), "would be removed"),
        ({"immutable": True}, change("elsewhere/a", old=9), ""),
        ({"max_size_bytes": 1}, change("data/a", old=9, new=None), ""),
    ],
)
def test_what_is_required_of_an_object(require: dict[str, Any], what: Change, fault: str) -> None:
    made = planned(what, **require)
    assert made.obligations == ()
    assert [(item.kind, item.outcome, item.path) for item in made.declared] == (
        [("require", Outcome.FAIL, what.path)] if fault else []
    )
    assert not fault or fault in made.declared[0].message


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        ({"owner": "team-a"}, ""),
        ({"owner": "ann"}, "the metadata `owner` of commit ssssssssssss does not match `team-*`"),
        ({}, "commit ssssssssssss has no metadata `owner`"),
    ],
)
def test_the_sources_commit_has_to_say(metadata: dict[str, str], fault: str) -> None:
    source = replace(CANDIDATE.source, metadata=metadata)  # type: ignore[type-var]
    candidate = replace(CANDIDATE, source=source)
    made = planned(change("data/a"), candidate=candidate, metadata={"owner": "team-*"})
    assert [item.message for item in made.declared] == ([fault] if fault else [])
    assert planned(change("elsewhere/a"), candidate=candidate, metadata={"owner": "x"}).declared == ()


@pytest.mark.parametrize(
    ("path", "head", "kind"),
    [
        ("a.parquet", b"PAR1\x15\x04\x15\x10", "parquet"),
        ("a", b"PAR1\x15\x04\x15\x10", "parquet"),
        ("a.parquet", b"a,b\n1,2\n", None),
        ("a.csv", b"PAR1\x15\x04\x15\x10", "parquet"),
        ("a.csv", b"a,b\n1,2\n", "csv"),
        ("A.CSV", b"a,b\n1,2\n", "csv"),
        ("a.csv", b"\x7fELF\0\0\0\0", None),
        ("a.csv", b"\x1f\x8b\x08\0\0\0\0\0", None),
        ("a.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0", "csv"),
        ("a.csv.gz", b"a,b\n1,2\n", None),
        ("a.jsonl.zst", b"\x28\xb5\x2f\xfd\x04\0\0\0", "json"),
        ("a.tsv.bz2", b"BZh91AY&", "tsv"),
        ("a.orc", b"ORC\x08\x03\x10\x02\x1a", "orc"),
        ("a.arrow", b"ARROW1\0\0", "arrow"),
        ("a.txt", b"a,b\n1,2\n", None),
        ("a.gz", b"\x1f\x8b\x08\0\0\0\0\0", None),
        ("a.csv", b"", "csv"),
    ],
)
def test_what_an_object_is(path: str, head: bytes, kind: str | None) -> None:
    assert kind_of(path, head) == kind


def test_formats_are_looked_into_where_a_rule_asks() -> None:
    rule = Rule("r", ("data/**",), require=Require(formats=("parquet",)))
    what = Changes(under_rules=(change("data/a"), change("data/_SUCCESS", new=0), change("other")))
    assert [item.path for item in looked_into([rule], what)] == ["data/a"]
    assert looked_into([replace(rule, require=Require(immutable=True))], what) == []
    heads = {"data/a": b"PAR1", "data/b": b"a,b\n"}
    made = planned(change("data/a"), change("data/b"), heads=heads, formats=("parquet", "orc"))
    assert [(item.path, item.message) for item in made.declared] == [
        ("data/b", "is none of `parquet`, `orc` by its first bytes and its name")
    ]
    with pytest.raises(KeyError):  # it was not read: no plan at all
        planned(change("data/a"), formats=("parquet",))
