"""gate.yaml and its suites into a `Policy`; every complaint names file, line and the valid choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from gate_server.errors import ConfigError
from gate_server.model import (
    COMPARES,
    Ahead,
    Format,
    Policy,
    Require,
    Route,
    Rule,
    Suite,
    Waiver,
    Watch,
    dump,
    load,
)
from gate_server.policy.digests import policy_digest
from gate_server.policy.document import PolicyErrors, line_of, parse
from gate_server.policy.engines import wrong_engine
from gate_server.policy.globs import is_pattern
from gate_server.policy.nodes import build, unknown
from gate_server.policy.routes import wrong_routes
from gate_server.policy.tables import wrong_table
from gate_server.policy.watches import wrong_watches

Read = Callable[[str], bytes]
ReadSuite = Callable[[str, str, str], Suite]

TOP_LEVEL = (
    "version",
    "rules",
    "judge",
    "unmatched",
    "on_unverified_fail",
    "waivers",
    "watch",
    "ahead",
    "notices",
    "defaults",
)
MAY_DEFAULT = (
    "repositories",
    "branches",
    "enforcement",
    "on_error",
    "on_empty",
    "on_delete",
    "on_new",
    "linked",
    "hidden",
    "runs",
    "engine",
    "owner",
    "limits",
)


def load_policy(name: str, read: Read, read_suite: ReadSuite, *, in_repository: str = "") -> Policy:
    """Return the policy called `name` with all suites that its rules use.

    It is as it would come back from the database, so that all judge by the same.

    Parameters
    ----------
    name
        Path of the policy for `read`; suites are beside it in ``suites/NAME.json``.
    read
        Gives the bytes of a path, or raises `OSError`.
    read_suite
        Turns a suite's name, text and path into a `Suite`; raises `ConfigError`.
    in_repository
        Where repositories may keep a policy of their own.

    Raises
    ------
    PolicyErrors
        With every finding, as ``file:line: what is wrong``.
    """
    findings: list[str] = []
    document = parse(name, _read(name, read, "the policy"))
    _check_top(name, document, findings)
    defaults = dict(document.get("defaults") or {})
    rules = [
        rule
        for index, node in enumerate(_items(document, "rules"))
        if (rule := _rule(name, document, node, index, defaults, findings))
    ]
    waivers = [
        waiver
        for index, node in enumerate(_items(document, "waivers"))
        if (
            waiver := build(
                Waiver, name, node, line_of(document["waivers"], index), f"waivers[{index}]", findings
            )
        )
    ]
    watch = [
        item
        for index, node in enumerate(_items(document, "watch"))
        if (item := build(Watch, name, node, line_of(document["watch"], index), f"watch[{index}]", findings))
    ]
    notices = [
        route
        for index, node in enumerate(_items(document, "notices"))
        if (
            route := build(
                Route, name, node, line_of(document["notices"], index), f"notices[{index}]", findings
            )
        )
    ]
    _check_names(name, rules, waivers, findings)
    findings += wrong_routes(name, notices, rules, are_all=not in_repository)
    ahead = _ahead(name, document, findings)
    findings += wrong_watches(name, watch, rules)
    suites = _suites(name, rules, read, read_suite, findings)
    findings += [
        f"{name}:{rule.line}: rule {rule.name}: `reference:` is for suites that compare, as by {COMPARES}"
        for rule in rules
        if (rule.reference or rule.reference_ref) and rule.suite in suites and not suites[rule.suite].compares
    ]
    if findings:
        raise PolicyErrors(findings)
    policy = Policy(
        rules=tuple(rules),
        suites=suites,
        judge=document.get("judge", "result"),
        unmatched=document.get("unmatched", "pass"),
        waivers=tuple(waivers),
        ahead=ahead,
        watch=tuple(watch),
        on_unverified_fail=document.get("on_unverified_fail", "alert"),
        notices=tuple(notices),
        path=name,
        in_repository=in_repository,
    )
    try:
        kept: Policy = load(Policy, dump(policy))
    except ValueError as error:
        raise PolicyErrors([f"{name}:1: holds a value that JSON has no form for"]) from error
    return replace(kept, digest=policy_digest(kept))


def _read(path: str, read: Read, what: str) -> bytes:
    try:
        return read(path)
    except FileNotFoundError as error:
        raise PolicyErrors([f"{path}: {what} is not there"]) from error
    except OSError as error:
        raise PolicyErrors([f"{path}: {what} cannot be read ({error.strerror})"]) from error


def _suites(
    name: str, rules: Sequence[Rule], read: Read, read_suite: ReadSuite, findings: list[str]
) -> dict[str, Suite]:
    suites: dict[str, Suite] = {}
    for rule in rules:
        path = _beside(name, f"suites/{rule.suite}.json")
        if not rule.suite or rule.suite in suites:
            continue
        try:
            text = _read(path, read, f"the suite of rule {rule.name}").decode("utf-8-sig")
            suites[rule.suite] = read_suite(rule.suite, text, path)
        except UnicodeDecodeError:
            findings.append(f"{path}:1: is not UTF-8")
        except ConfigError as error:
            findings.append(
                error.message if path in error.message else f"{name}:{rule.line}: {error.message}"
            )
    return suites


def _beside(policy: str, name: str) -> str:
    return f"{policy.rpartition('/')[0]}/{name}" if "/" in policy else name


def _check_top(name: str, document: CommentedMap, findings: list[str]) -> None:
    for key in document:
        if key not in TOP_LEVEL:
            findings.append(f"{name}:{line_of(document, key)}: {unknown(str(key), TOP_LEVEL)}")
    if document.get("version") != 1:
        line = line_of(document, "version") if "version" in document else 1
        findings.append(f"{name}:{line}: `version: 1` is needed")
    for key, choices in (
        ("judge", ("result", "source")),
        ("unmatched", ("pass", "warn", "fail")),
        ("on_unverified_fail", ("alert", "revert")),
    ):
        if key in document and document[key] not in choices:
            findings.append(f"{name}:{line_of(document, key)}: {key}: one of {', '.join(choices)} is needed")
    for key in ("rules", "waivers", "watch", "notices"):
        if key in document and not isinstance(document[key], CommentedSeq):
            findings.append(f"{name}:{line_of(document, key)}: {key}: a list is needed")
    if "rules" not in document:
        findings.append(f"{name}:1: `rules:` is needed (an empty list where nothing is to be judged)")
    defaults = document.get("defaults")
    if defaults is not None and not isinstance(defaults, CommentedMap):
        findings.append(f"{name}:{line_of(document, 'defaults')}: defaults: a mapping is needed")
        document["defaults"] = {}
    elif defaults:
        for key in defaults:
            if key not in MAY_DEFAULT:
                findings.append(
                    f"{name}:{line_of(defaults, key)}: defaults: {unknown(str(key), MAY_DEFAULT)}"
                )


def _items(document: CommentedMap, key: str) -> Sequence[Any]:
    value = document.get(key)
    return value if isinstance(value, CommentedSeq) else ()


def _rule(
    name: str, document: CommentedMap, node: Any, index: int, defaults: Mapping[str, Any], findings: list[str]
) -> Rule | None:
    line = line_of(document["rules"], index)
    rule: Rule | None = build(Rule, name, node, line, f"rules[{index}]", findings, defaults)
    if rule is None:
        return None
    require = rule.require or Require()
    required = (*require.names, *require.content_types, *require.metadata.values())
    findings += [
        f"{name}:{line}: rule {rule.name}: {pattern!r} is no pattern"
        for pattern in (*rule.paths, *rule.repositories, *rule.branches, *rule.required, *required)
        if not is_pattern(pattern)
    ]
    if rule.suite and "format" not in node:
        findings.append(f"{name}:{line}: rule {rule.name}: `format` is needed to judge by a suite")
    if not rule.suite and require == Require():
        findings.append(f"{name}:{line}: rule {rule.name}: `suite:` or `require:` is needed")
    for key in ("format", "parameters", "reference", "reference_ref") if not rule.suite else ():
        if key in node:
            findings.append(
                f"{name}:{line_of(node, key)}: rule {rule.name}: `{key}:` is for rules with a suite"
            )
    if rule.scope == "dataset" and not rule.dataset:
        findings.append(
            f"{name}:{line}: rule {rule.name}: `scope: dataset` needs `dataset:`, such as tables/{{table}}/"
        )
    if rule.scope == "dataset" and rule.dataset and not rule.dataset.endswith("/"):
        findings.append(f"{name}:{line}: rule {rule.name}: `dataset:` is a folder, so it ends with a slash")
    if rule.reference and rule.scope == "dataset" and not rule.reference.endswith("/"):
        findings.append(f"{name}:{line}: rule {rule.name}: `reference:` is a folder, so it ends with a slash")
    if rule.scope == "object" and rule.dataset:
        findings.append(f"{name}:{line}: rule {rule.name}: `dataset:` is only for `scope: dataset`")
    findings += [f"{name}:{line}: rule {rule.name}: {wrong}" for wrong in wrong_table(rule)]
    findings += [f"{name}:{line}: rule {rule.name}: {wrong}" for wrong in wrong_engine(rule)]
    form = rule.format
    if form.types and not form.is_text:
        findings.append(f"{name}:{line}: rule {rule.name}: types are for csv, tsv and jsonl, not {form.type}")
    if not form.is_delimited and form != Format(form.type, types=form.types, partitions=form.partitions):
        findings.append(
            f"{name}:{line}: rule {rule.name}: header, infer, delimiter, quote and encoding are for csv and "
            f"tsv, not {form.type}"
        )
    return rule


def _ahead(name: str, document: CommentedMap, findings: list[str]) -> Ahead | None:
    if "ahead" not in document:
        return None
    line = line_of(document, "ahead")
    ahead: Ahead | None = build(Ahead, name, document["ahead"], line, "ahead", findings)
    if ahead is None:
        return None
    findings += [
        f"{name}:{line}: ahead: {pattern!r} is no pattern"
        for pattern in (*ahead.branches, *ahead.into, *ahead.repositories)
        if not is_pattern(pattern)
    ]
    if not ahead.branches and not ahead.pull_requests:
        findings.append(f"{name}:{line}: ahead: nothing is looked at: `branches:` or `pull_requests: true`")
    return ahead


def _check_names(name: str, rules: Sequence[Rule], waivers: Sequence[Waiver], findings: list[str]) -> None:
    seen: dict[str, int] = {}
    for rule in rules:
        if rule.name in seen:
            findings.append(f"{name}:{rule.line}: rule name {rule.name} is taken by line {seen[rule.name]}")
        seen[rule.name] = rule.line
    for waiver in waivers:
        if waiver.rule not in seen:
            findings.append(f"{name}:{waiver.line}: a waiver for {unknown(waiver.rule, tuple(seen))}")
        if waiver.expires.tzinfo is None:
            findings.append(
                f"{name}:{waiver.line}: expires: a time zone is needed, such as 2026-12-31T00:00:00Z"
            )
