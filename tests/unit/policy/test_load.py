"""gate.yaml: what is read, and what is said about a wrong one."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from pathlib import Path

import pytest

from gate_server.engine.suites import read_suite
from gate_server.model import COMPARES, Enforcement, Policy
from gate_server.policy.document import PolicyErrors
from gate_server.policy.load import load_policy
from gate_server.policy.plan import policy_files

SUITE = b'{"name": "s", "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "a"}}]}'
GOOD = """\
version: 1
defaults:
  branches: [main, "release-*"]
rules:
  - name: orders
    paths: "orders/**/*.csv"
    suite: s
    format: {type: csv, types: {a: integer}}
    enforcement: warn
    limits: {time_s: 5}
waivers:
  - rule: orders
    owner: ann
    reason: known
    expires: 2026-12-31T00:00:00Z
"""


def read(text: str, suite: bytes | None = SUITE) -> Policy:
    files = {"p/gate.yaml": text.encode(), "p/suites/s.json": suite}

    def give(name: str) -> bytes:
        content = files.get(name)
        if content is None:
            raise FileNotFoundError(name)
        return content

    return load_policy("p/gate.yaml", give, read_suite)


def findings(text: str, suite: bytes | None = SUITE) -> list[str]:
    with pytest.raises(PolicyErrors) as caught:
        read(text, suite)
    return list(caught.value.findings)


def test_a_policy_is_read() -> None:
    policy = read(GOOD)
    (rule,) = policy.rules
    assert (rule.name, rule.paths, rule.branches) == ("orders", ("orders/**/*.csv",), ("main", "release-*"))
    assert (rule.enforcement, rule.limits.time_s, rule.line) == (Enforcement.WARN, 5, 5)
    assert policy.waivers[0].expires.tzinfo is not None
    assert policy.suites["s"].content["expectations"][0]["type"] == "expect_column_to_exist"


def test_the_digest_covers_what_is_said_not_how() -> None:
    assert read(GOOD).digest == read("# a comment\n\n" + GOOD).digest
    assert read(GOOD).digest != read(GOOD.replace("warn", "block")).digest
    assert read(GOOD).digest != read(GOOD, SUITE.replace(b'"a"', b'"b"')).digest
    assert read(GOOD).digest != read(GOOD.replace("reason: known", "reason: other")).digest


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("enforcement: warn", "enforcment: warn", 9, "did you mean `enforcement`"),
        ("enforcement: warn", "enforcement: blok", 9, "'block', 'warn' or 'off'"),
        ('"orders/**/*.csv"', '"orders/[z-a].csv"', 5, "is no pattern"),
        ("version: 1", "version: 2", 1, "`version: 1` is needed"),
        ("defaults:", "default:", 2, "did you mean `defaults`"),
        ("time_s: 5", "tme_s: 5", 10, "did you mean `time_s`"),
        ("time_s: 5", "time_s: -5", 10, "greater than 0"),
        ("suite: s", "siute: s", 7, "did you mean `suite`"),
        ("type: csv", "type: cvs", 8, "'csv', 'tsv', 'jsonl', 'parquet', 'orc', 'arrow'"),
        ("type: csv", "type: orc", 5, "types are for csv, tsv and jsonl, not orc"),
        ("a: integer", "a: int", 8, "'integer'"),
        ("rule: orders", "rule: order", 12, "did you mean `orders`"),
        ("00:00:00Z", "00:00:00", 12, "a time zone is needed"),
        ("suite: s", "suite: nope", 5, "p/suites/nope.json: the suite of rule orders is not there"),
        ("name: orders", "name: 'a b'", 5, "should match pattern"),
        ("  branches: [", "  paths: [", 3, "defaults: `paths` is unknown"),
        ("suite: s", "suite: s\n    reference: a.csv", 5, "`reference:` is for suites that compare"),
        ("suite: s", "require: {name: [a]}", 7, "did you mean `names`"),
        ("suite: s", "require: {names: [a]}", 8, "`format:` is for rules with a suite"),
        ("suite: s", "require: {names: ['[z-a]']}", 5, "is no pattern"),
        ("suite: s", "require: {}", 5, "`suite:` or `require:` is needed"),
        ("suite: s", "require: {formats: [xls]}", 7, "'parquet'"),
        ("    format: {type: csv, types: {a: integer}}\n", "", 5, "`format` is needed to judge by a suite"),
        ("suite: s", "suite: s\n    reference_ref: golden", 5, "`reference:` is for suites that compare"),
        (
            "suite: s",
            "suite: s\n    scope: dataset\n    dataset: a/\n    reference: a.csv",
            5,
            "is a folder, so it ends with a slash",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    said = findings(GOOD.replace(old, new, 1))
    text = "\n".join(said)
    assert words in text
    assert f"p/gate.yaml:{line}:" in text or "suites/nope" in words


def test_a_value_is_as_it_would_come_back_from_the_database() -> None:
    given = GOOD.replace("    enforcement:", "    parameters: {day: 2015-01-01, n: 5}\n    enforcement:")
    assert read(given).rules[0].parameters == {"day": "2015-01-01", "n": 5}
    assert any("JSON" in line for line in findings(given.replace("n: 5", "n: !!binary /w==")))


@pytest.mark.parametrize(
    "rules",
    [
        "&a [*a]",
        "[&a {paths: [*a]}]",
        "[" * 300 + "]" * 300,
        "[&a [x, x], "
        + ", ".join(f"&{b} [{', '.join(['*' + a] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        + "]",
    ],
)
def test_aliases_that_grow_and_depths_are_refused(rules: str) -> None:
    said = findings(f"version: 1\nrules: {rules}\n")
    assert len(said) < 10


def test_where_a_rule_runs_is_a_part_of_the_policy() -> None:
    """What was judged by rules that say nothing of it stays known."""
    here, elsewhere = (
        read(GOOD.replace("    limits:", f"    runs: {place}\n    limits:"))
        for place in ("here", "elsewhere")
    )
    assert here.digest == read(GOOD).digest != elsewhere.digest
    assert read(GOOD.replace("defaults:", "defaults:\n  runs: elsewhere")).rules[0].runs == "elsewhere"
    assert (
        "'here' or 'elsewhere'" in findings(GOOD.replace("    limits:", "    runs: prefect\n    limits:"))[0]
    )


def test_what_cannot_be_opened_is_said() -> None:
    def refuse(name: str) -> bytes:
        raise PermissionError(13, "Permission denied", name)

    with pytest.raises(PolicyErrors, match=r"p/gate\.yaml: the policy cannot be read \(Permission denied\)"):
        load_policy("p/gate.yaml", refuse, read_suite)


def test_where_repositories_keep_theirs_is_a_part_of_the_policy() -> None:
    def give(name: str) -> bytes:
        return GOOD.encode() if name == "gate.yaml" else SUITE

    plain = load_policy("gate.yaml", give, read_suite)
    guarding = load_policy("gate.yaml", give, read_suite, in_repository="q/gate.yaml")
    assert plain.digest != guarding.digest
    assert (policy_files(plain), policy_files(guarding)) == ((), ("q/gate.yaml", "q/suites/**"))


@pytest.mark.parametrize("text", ["", "[]", "version: 1", "version: 1\nrules: {a: 1}", "a: [", "\x00", "- 1"])
def test_no_policy_at_all_is_refused(text: str) -> None:
    assert findings(text)


def test_two_rules_of_one_name_are_refused() -> None:
    again = GOOD.replace("waivers:", "  - {name: orders, paths: x, suite: s, format: {type: csv}}\nwaivers:")
    assert any("is taken by line 5" in line for line in findings(again))


def test_a_broken_suite_is_said_with_its_file() -> None:
    assert any(line.startswith("p/suites/s.json:1:") for line in findings(GOOD, b"{"))
    assert any("is not UTF-8" in line for line in findings(GOOD, b"\xff\xfe{}"))


@pytest.mark.parametrize(
    "suite",
    [
        "../secret",
        "..",
        "a/b",
        "/etc/passwd",
        "a\\b",
        "%2e%2e",
        "file:///etc/passwd",
        "http://127.0.0.1/s",
        "a\0",
    ],
)
def test_a_suites_name_leads_nowhere_else(suite: str) -> None:
    """What is read is asked for by the test's own reader: only the policy."""
    asked = []

    def give(name: str) -> bytes:
        asked.append(name)
        return GOOD.replace("suite: s", f"suite: {json.dumps(suite)}").encode()

    with pytest.raises(PolicyErrors, match=r"rules\[0\]\.suite"):
        load_policy("p/gate.yaml", give, read_suite)
    assert asked == ["p/gate.yaml"]


@pytest.mark.parametrize(
    "tagged",
    [
        "!!python/object/apply:os.system ['touch {}']",
        "!!python/name:os.system",
        "!!python/object/new:subprocess.Popen [[touch, {}]]",
        "!include {}",
    ],
)
@pytest.mark.parametrize("key", ["suite", "parameters", "paths"])
def test_a_tag_makes_no_object(tagged: str, key: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    value = tagged.format(marker)
    text = GOOD.replace("    enforcement: warn\n", f"    {key}: {value}\n")
    if key != "parameters":
        text = "".join(
            line for line in text.splitlines(True) if not line.startswith(f"    {key}: ") or value in line
        )
    with contextlib.suppress(PolicyErrors):
        assert all(
            type(item) in (str, int, float, bool, dict, list) for item in read(text).rules[0].parameters
        )
    assert not marker.exists()


@pytest.mark.parametrize(
    ("number", "is_kept"),
    [
        ("1.1", True),
        ("1e3", True),
        ("-0.5", True),
        ("9007199254740993", True),
        ("1.09999999999999999", False),
        ("9007199254740993.0", False),
        ("1e999", False),
        (".nan", False),
        (".inf", False),
    ],
)
def test_a_parameter_is_the_number_that_stands_there(number: str, is_kept: bool) -> None:
    text = GOOD.replace("    enforcement: warn\n", f"    parameters: {{top: {number}}}\n")
    if is_kept:
        assert Decimal(str(read(text).rules[0].parameters["top"])) == Decimal(number)
    else:
        assert findings(text) == [f"p/gate.yaml:9: the number {number} cannot be kept exactly"]


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        ("{branchs: ['a*']}", "did you mean `branches`"),
        ("{branches: ['[z-a]']}", "'[z-a]' is no pattern"),
        ("{pull_requests: false}", "nothing is looked at"),
        ("{days: 0}", "greater than 0"),
        ("true", "a mapping is needed"),
    ],
)
def test_what_is_wrong_with_looking_ahead_is_said(ahead: str, words: str) -> None:
    (said,) = findings(f"{GOOD}ahead: {ahead}\n")
    assert said.startswith(f"p/gate.yaml:{len(GOOD.splitlines()) + 1}: ahead")
    assert words in said


def test_looking_ahead_is_a_part_of_the_policy() -> None:
    """Policies are found by their digests; one that says nothing of it keeps its own."""
    policy = read(f"{GOOD}ahead: {{branches: import-*}}\n")
    assert policy.ahead is not None
    assert (policy.ahead.branches, policy.ahead.pull_requests, policy.ahead.into) == (("import-*",), True, ())
    assert len({policy.digest, read(GOOD).digest, read(f"{GOOD}ahead: {{}}\n").digest}) == 3


def test_a_watch_is_read_and_is_a_part_of_the_digest_where_there_is_one() -> None:
    plain = read(GOOD)
    watched = read(GOOD + "watch:\n  - {name: whole, rules: orders, every: 1h}\n")
    assert (watched.watch[0].rules, watched.watch[0].every_s) == (("orders",), 3600)
    assert plain.digest != watched.digest
    assert plain.digest == read(GOOD + "watch: []\n").digest
    never = watched.watch[0].__class__("all")
    assert (never.after_merge, never.every_s, never.rules) == (True, None, ())


@pytest.mark.parametrize(
    ("watch", "said"),
    [
        ("{name: a, rules: [order]}", "there is no rule order"),
        ("{name: a, after_merge: false}", "it never looks"),
        ("{name: a, every: hourly}", "watch[0].every"),
        ("{name: a, every: 0h}", "watch[0].every"),
        ("{name: a, on_fail: shrug}", "watch[0].on_fail"),
        ("{name: a, branches: ['[z-a]']}", "is no pattern"),
        ("{name: a, rule: orders}", "`rule` is unknown: did you mean `rules`?"),
        ("{rules: orders}", "`name` is needed"),
    ],
)
def test_a_wrong_watch(watch: str, said: str) -> None:
    (found,) = findings(f"{GOOD}watch:\n  - {watch}\n")
    assert found.startswith("p/gate.yaml:17: ")
    assert said in found


def test_two_watches_of_one_name_and_one_of_a_rule_that_runs_elsewhere() -> None:
    away = GOOD.replace("    enforcement: warn", "    runs: elsewhere")
    found = findings(away + "watch:\n  - {name: a, rules: orders}\n  - {name: a}\n")
    assert ["runs elsewhere" in found[0], "the name is taken" in found[1]] == [True, True]


@pytest.mark.parametrize("said", ["on_new: fail", "reference_ref: golden", "require: {immutable: true}"])
def test_what_was_added_later_changes_the_digest_where_it_says_something(said: str) -> None:
    comparing = SUITE.replace(b"expect_column_to_exist", COMPARES.encode())
    comparing = comparing.replace(b'{"column": "a"}', b'{"min_value": 1}')
    with_it = GOOD.replace("    limits:", f"    {said}\n    limits:")
    default = GOOD.replace("    limits:", "    on_new: warn\n    limits:")
    assert read(with_it, comparing).digest != read(GOOD, comparing).digest == read(default, comparing).digest
