"""Fills the outbox: what the ledger says since it was last read, by the policy's routes.

The ledger's entry is written in the transaction of what it tells of, and how far it was read together with
the notices: whatever dies in between, nothing is lost and nothing is told twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, timedelta
from functools import lru_cache
from itertools import islice

import structlog

from gate_server.model import Policy, Waiver, digest
from gate_server.model.notices import Message
from gate_server.notices.messages import message_of
from gate_server.notices.news import Finding, Known, News, news_of
from gate_server.policy.routes import concerns, routes_for
from gate_server.store.store import Store
from gate_server.store.times import now

ENTRIES_AT_ONCE = 200
REST_EVERY_S = 30.0

log = structlog.get_logger()


class Gatherer:
    """The duty that reads the ledger.

    Parameters
    ----------
    active
        Gives the policy that is asked by now: its routes count, whoever's policy judged.
    targets
        The names that have an address.
    quiet_s
        How long a target is not told of the same topic again, seconds.
    waiver_days
        How long before its end a waiver is told of.
    """

    def __init__(
        self,
        store: Store,
        active: Callable[[], Policy],
        targets: Collection[str],
        *,
        public_url: str,
        quiet_s: float,
        waiver_days: float,
    ) -> None:
        self._store = store
        self._active = active
        self._targets = sorted(targets)
        self._public_url = public_url
        self._quiet_s = quiet_s
        self._waiver_days = waiver_days
        self._looks_again_at = 0.0
        self._read = -1
        self._known = Known(store.checks.get, lru_cache(maxsize=50)(self._owners))

    def is_wanted(self) -> bool:
        """Whether the ledger has something new, or it is time to look for the rest."""
        if time.monotonic() >= self._looks_again_at:
            return True
        return bool(self._active().notices) and self._store.ledger.head().number != self._read

    def __call__(self) -> None:
        """Read what is new."""
        self._looks_again_at = time.monotonic() + REST_EVERY_S
        policy, outbox = self._active(), self._store.notices
        read = outbox.read_up_to()
        if not policy.notices:
            if read is not None:
                outbox.end()
            return
        if read is None:
            outbox.begin(self._store.ledger.head())
            return
        while True:
            entries = list(islice(self._store.ledger.entries(since=read), ENTRIES_AT_ONCE))
            if not entries:
                break
            for (
                entry
            ) in entries:  # one at a time: of one topic, what came later is put after what came before
                news = news_of(entry, self._known)
                if news is None:
                    continue
                if news.occasion is None:
                    resolved = message_of(news, news.findings, "", self._public_url)
                    if not outbox.knows(resolved.topic):
                        continue
                    outbox.put(
                        (), [(resolved.topic, resolved)], read=(read, entry.number), quiet_s=self._quiet_s
                    )
                else:
                    outbox.put(self._messages(policy, news), read=(read, entry.number), quiet_s=self._quiet_s)
                read = entry.number
            if read != entries[-1].number:
                outbox.put((), read=(read, entries[-1].number), quiet_s=self._quiet_s)
                read = entries[-1].number
        self._read = read
        if waivers := list(self._of_waivers(policy)):
            outbox.put(waivers, quiet_s=self._quiet_s)
        if lost := outbox.give_up(self._targets, "GATE_NOTICE_TARGETS has no address for it"):
            log.error("notices were given up: their targets have no address", count=lost)

    def _messages(self, policy: Policy, news: News) -> Iterator[Message]:
        """Yield a message for each target that a route names, with what concerns it."""
        by_target: dict[str, list[Finding]] = {}
        assert news.occasion is not None  # noqa: S101 - what is resolved goes to who was told
        for route in routes_for(policy, news.occasion, news.repository, news.branch):
            for finding in news.findings:
                if not concerns(route, finding.rule, news.owners):
                    continue
                for target in route.to:
                    told = by_target.setdefault(target, [])
                    if finding not in told:
                        told.append(finding)
        for target, findings in by_target.items():
            yield message_of(news, findings, target, self._public_url)

    def _of_waivers(self, policy: Policy) -> Iterator[Message]:
        """Yield what is to be told of waivers that end soon: the policy's, and those that were made."""
        soon = now() + timedelta(days=self._waiver_days)
        made = self._store.waivers.ending(soon)
        owners = {rule.name: rule.owner for rule in policy.rules if rule.owner}
        for waiver in policy.waivers:
            if now() < waiver.expires <= soon:
                yield from self._messages(policy, _ends(waiver, "", "", owners))
        for item in made:
            yield from self._messages(policy, _ends(item, item.repository, item.branch, owners))

    def _owners(self, policy_digest: str) -> Mapping[str, str]:
        kept = self._store.policies.get(policy_digest)
        rules = kept.content["rules"] if kept else ()
        return {rule["name"]: rule["owner"] for rule in rules if rule.get("owner")}


def _ends(waiver: Waiver, repository: str, branch: str, owners: Mapping[str, str]) -> News:
    ends = waiver.expires.astimezone(UTC)
    where = f"{repository}/{branch}".rstrip("/") or "the policy"
    return News(
        "waiver",
        ("waiver", digest(waiver.rule, waiver.owner, waiver.reason, repository, branch, str(ends))),
        repository,
        branch,
        f"a waiver ends {ends:%Y-%m-%d %H:%M UTC}: rule {waiver.rule} in {where}",
        (Finding(f"from then on what it covers is refused again; {waiver.told}", waiver.rule),),
        "warning",
        owners=owners,
    )
