"""Rules and changes to a plan: every obligation and every declared outcome. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gate_server.model import (
    Candidate,
    Changes,
    DeclaredOutcome,
    Enforcement,
    Obligation,
    Outcome,
    Plan,
    Policy,
    Rule,
    StoredObject,
    digest,
)
from gate_server.policy.declared import (
    CONSEQUENCE,
    counted,
    gate_file_outcomes,
    linked_outcome,
    rule_outcomes,
)
from gate_server.policy.globs import covering_prefixes, exactly, matches
from gate_server.policy.requirements import unmet
from gate_server.policy.tables import columns_before, unlogged
from gate_server.policy.targets import (
    concerns,
    dataset_glob,
    passed_over,
    reference_of,
    targets,
    without_markers,
)

GATE_FILES = ("_lakefs_actions/gate_*", "_gate/**")


def policy_files(policy: Policy) -> tuple[str, ...]:
    """Return the patterns of what a repository may keep as its policy: as much the gate's as `GATE_FILES`."""
    if not policy.in_repository:
        return ()
    return policy.in_repository, f"{policy.in_repository.rpartition('/')[0]}/suites/**"


@dataclass(frozen=True)
class Applied:
    """The rules that concern one repository and destination, and the prefixes that they look at."""

    rules: tuple[Rule, ...]
    off: tuple[str, ...]
    prefixes: tuple[str, ...]


def applied_rules(policy: Policy, repository: str, destination: str) -> Applied:
    """Return the rules of `policy` for merges into `destination`, and the prefixes that they look at."""
    here = [
        rule
        for rule in policy.rules
        if matches(repository, rule.repositories) and matches(destination, rule.branches)
    ]
    rules = tuple(rule for rule in here if rule.enforcement is not Enforcement.OFF)
    patterns = [pattern for rule in rules for pattern in (*rule.paths, *rule.required)]
    patterns += [dataset_glob(rule.dataset) for rule in rules if rule.scope == "dataset"]
    patterns += [rule.reference for rule in rules if rule.reference and not rule.reference_ref]
    off = tuple(rule.name for rule in here if rule.enforcement is Enforcement.OFF)
    return Applied(rules, off, covering_prefixes(patterns))


def compared_with(rules: Iterable[Rule], changes: Changes) -> dict[str, tuple[str, ...]]:
    """Return the branches, tags or commits that what changes is compared with, and the prefixes there."""
    patterns: dict[str, list[str]] = {}
    for rule in rules:
        if rule.reference_ref and any(concerns(rule, change.path) for change in changes.under_rules):
            wanted = (exactly(rule.reference),) if rule.reference else rule.paths
            patterns.setdefault(rule.reference_ref, []).extend(wanted)
    return {ref: covering_prefixes(some) for ref, some in patterns.items()}


def looked_into(rules: Iterable[Rule], changes: Changes) -> list[StoredObject]:
    """Return the objects whose first bytes a rule wants to know."""
    asking = [rule for rule in rules if rule.require and rule.require.formats]
    return [
        change.new
        for change in changes.under_rules
        if change.new is not None
        and any(concerns(rule, change.path) and not passed_over(change.new, rule) for rule in asking)
    ]


def make_plan(
    policy: Policy,
    candidate: Candidate,
    changes: Changes,
    *,
    engine_version: str,
    registered: bool = False,
    findings: Sequence[str] = (),
    missing: Sequence[DeclaredOutcome] = (),
    references: Mapping[str, Mapping[str, StoredObject]] | None = None,
    heads: Mapping[str, bytes] | None = None,
) -> Plan:
    """Return what must be evaluated, and what is known already.

    Parameters
    ----------
    policy, candidate, changes
        What was asked, as lakeFS has it.
    engine_version
        Part of each evaluation's cache key (D5).
    registered
        `gate install` registered exactly this candidate's change of the gate's files before.
    findings
        What is wrong with the policy that the candidate would bring into its repository.
    missing
        What the merge would leave out, since a revert took it back (`partly_reverted`).
    references
        What the refs of `compared_with` hold below its prefixes.
    heads
        The first bytes of the objects that `looked_into` names.
    """
    applied = applied_rules(policy, candidate.repository, candidate.destination)
    own = (*GATE_FILES, *policy_files(policy))
    declared = [*gate_file_outcomes(candidate, changes, registered), *missing]
    declared += [
        DeclaredOutcome("gate_files", Outcome.FAIL, f"this policy could not judge: {finding}")
        for finding in findings
    ]
    declared += [
        DeclaredOutcome(
            "conflict",
            Outcome.ERROR,
            f"the merge would conflict on {path}",
            path=path,
            hint=f"merge {candidate.destination} into the branch, resolve, and ask again",
        )
        for path in changes.conflicts
    ]
    concerned = [
        path
        for path in changes.uncertain
        if matches(path, own)
        or any(concerns(rule, path) or matches(path, rule.required) for rule in applied.rules)
    ]
    declared += [
        DeclaredOutcome(
            "uncertain",
            Outcome.ERROR,
            f"what the merge would make of {path} cannot be told: {changes.uncertain[path]}",
            path=path,
            hint=f"merge {candidate.destination} into the branch, and ask again",
        )
        for path in sorted(concerned)
    ]
    obligations: list[Obligation] = []
    matched: set[str] = set()
    for rule in applied.rules:
        mine = [change for change in changes.under_rules if concerns(rule, change.path)]
        matched.update(change.path for change in mine)
        declared += rule_outcomes(rule, candidate, changes, mine)
        declared += unmet(rule, candidate, without_markers(rule, mine), heads or {})
        suite = policy.suite_of(rule)
        for target, objects in targets(rule, mine, changes.result):
            before: tuple[StoredObject, ...] = ()
            if rule.format.is_table:
                declared += unlogged(rule, target, mine, changes)
                before = columns_before(rule, target, changes.base)
            linked = any(item.identity.linked for item in objects)
            if linked and rule.linked == "fail":
                declared.append(linked_outcome(rule, target))
            if suite is None:
                continue
            held = (references or {})[rule.reference_ref] if rule.reference_ref else changes.base
            reference = reference_of(rule, target, held) if suite.compares else ()
            # A commit made later would get another answer from what asks when it was made.
            beside = any(item.identity.linked for item in (*reference, *before))
            never = linked or beside or suite.asks_when
            key = "" if never else evaluation_key(policy, rule, objects, engine_version, reference, before)
            made_at = _committed_at(candidate) if suite.asks_when else 0
            is_kept = key and len(objects) > 1 and not suite.compares
            states_key = _states_key(policy, rule, target, engine_version) if is_kept else ""
            obligations.append(
                Obligation(
                    len(obligations), rule.name, target, objects, key, reference, made_at, states_key, before
                )
            )
    everything = {change.path for change in changes.under_rules} | set(changes.elsewhere)
    unmatched = sorted(path for path in everything - matched if not matches(path, own))
    if unmatched and applied.rules and policy.unmatched != "pass":
        declared.append(
            DeclaredOutcome(
                "unmatched",
                CONSEQUENCE[policy.unmatched],
                f"no rule matches {counted(len(unmatched), 'changed path')}, the first is {unmatched[0]}",
                path=unmatched[0],
                hint="add a rule for them, or set `unmatched: pass`",
            )
        )
    return Plan(
        obligations=tuple(obligations),
        declared=tuple(declared),
        rules=tuple(rule.name for rule in applied.rules),
        off=applied.off,
        changed=len(everything),
        unmatched=len(unmatched),
        is_lasting=not compared_with(applied.rules, changes),
    )


def _committed_at(candidate: Candidate) -> int:
    """Return when what is judged was made; of a prediction, its source, which says so itself."""
    commit = candidate.judged or candidate.source or candidate.base
    return commit.created_at


def evaluation_key(
    policy: Policy,
    rule: Rule,
    objects: Sequence[StoredObject],
    engine_version: str,
    reference: Sequence[StoredObject] = (),
    before: Sequence[StoredObject] = (),
) -> str:
    """Digest of all that an evaluation depends on: neither enforcement, nor waivers, nor time (D5)."""
    return digest(
        "evaluation-1",
        engine_version,
        policy.suites[rule.suite].digest,
        rule.scope,
        rule.dataset,
        rule.format,
        dict(rule.parameters),
        rule.limits,
        *_engine_of(rule),
        *(
            [(item.path, item.identity) for item in items]
            for items in (objects, reference, *([before] if before else ()))
        ),
    )


def _states_key(policy: Policy, rule: Rule, target: str, engine_version: str) -> str:
    """Digest of all that decides what is found of one object of a dataset, but that object."""
    suite = policy.suites[rule.suite]
    return digest(
        "states-1",
        engine_version,
        suite.digest,
        target,
        rule.format,
        dict(rule.parameters),
        rule.limits,
        *_engine_of(rule),
    )


def _engine_of(rule: Rule) -> tuple[str, ...]:
    """Return what parts the answers of one engine from those of the other."""
    return () if rule.engine == "polars" else (rule.engine,)
