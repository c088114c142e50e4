"""Tokens: made, recognised, ended, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text as sql

from gate_server.access import tokens as access
from gate_server.access.failures import MOST_ADDRESSES, WINDOW_S, Failures
from gate_server.access.roles import OPENS, covers, newest_within, opens
from gate_server.access.tokens import Access, has_active, make_token, state_of
from gate_server.errors import UsageError
from gate_server.model import Principal, Role, Scope
from gate_server.store import tokens as stored
from gate_server.store.store import Store
from gate_server.store.times import now

ANYWHERE = Scope()


def make(store: Store, *roles: Role, scope: Scope = ANYWHERE, days: int | None = None) -> tuple[str, str]:
    token, text = make_token(store.tokens, "ci", roles or (Role.READER,), scope, created_by="ann", days=days)
    return token.id, text


# -- tokens -------------------------------------------------------------------------------------------


def test_a_token_is_whose_it_was_made_for(store: Store) -> None:
    scope = Scope(("sales",), ("main", "release/*"))
    token_id, text = make(store, Role.REVERTER, Role.CHECKER, scope=scope)
    found = Access(store.tokens).by_text(text)
    assert found == Principal("ci", (Role.CHECKER, Role.REVERTER), scope, token_id)
    assert Access(store.tokens).by_id(token_id) == found


def test_the_text_is_kept_by_nobody(store: Store) -> None:
    _, text = make(store)
    secret = text.rpartition("_")[2]
    assert len(bytes.fromhex(secret)) == 32
    with store.engine.connect() as connection:
        held = repr(connection.execute(sql("SELECT * FROM tokens")).all())
    assert store.tokens.digest(text.split("_")[1]) in held
    assert secret not in held
    assert text not in repr(store.tokens.listed())


def test_what_is_nearly_a_token_is_none(store: Store) -> None:
    _, text = make(store)
    _, other = make(store)
    given, theirs = text.split("_"), other.split("_")
    wrong = [
        "",
        "gate",
        text[:-1],
        text + "0",
        text + "\n",
        text.upper(),
        "_".join([given[0], given[1], theirs[2]]),
        "_".join([given[0], theirs[1], given[2]]),
        given[2],
        "gate_" + "0" * 16 + "_" + "0" * 64,
        "\udcff",
    ]
    assert [item for item in wrong if Access(store.tokens).by_text(item) is not None] == []


def test_settings_tokens_are_hook_and_admin(store: Store) -> None:
    known = Access(store.tokens, hook_token="h" * 20, api_token="ü" * 20)
    hook, api = known.by_text("h" * 20), known.by_text("ü" * 20)
    assert hook is not None
    assert api is not None
    assert (hook.roles, api.roles) == ((Role.HOOK,), (Role.ADMIN,))
    assert known.by_id(api.token_id) == api
    assert known.by_text("h" * 19) is None
    assert Access(store.tokens).by_text("") is None
    assert Access(store.tokens).by_id(api.token_id) is None


def test_one_token_follows_another(store: Store) -> None:
    known = Access(store.tokens)
    old_id, old = make(store)
    _, new = make(store)
    assert known.by_text(old) is not None
    assert known.by_text(new) is not None
    assert store.tokens.revoke(old_id)
    assert known.by_text(old) is None
    assert known.by_text(new) is not None


def test_a_revoked_token_is_kept_for_the_record(store: Store) -> None:
    token_id, _ = make(store)
    assert store.tokens.revoke(token_id)
    assert not store.tokens.revoke(token_id)
    assert not store.tokens.revoke("nothing")
    (token,) = store.tokens.listed()
    assert (state_of(token, now()), token.created_by) == ("revoked", "ann")
    assert Access(store.tokens).by_id(token_id) is None


def test_an_expired_token_opens_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    token_id, text = make(store, Role.ADMIN, days=1)
    known = Access(store.tokens)
    assert known.by_text(text) is not None
    assert has_active(store.tokens, Role.ADMIN)
    later = now() + timedelta(days=1)
    monkeypatch.setattr(access, "now", lambda: later)
    assert known.by_text(text) is None
    assert known.by_id(token_id) is None
    assert not has_active(store.tokens, Role.ADMIN)


def test_only_the_hooks_tokens_last_by_themselves(store: Store) -> None:
    assert store.tokens.get(make(store, Role.HOOK)[0]).expires_at is None  # type: ignore[union-attr]
    token = store.tokens.get(make(store, Role.READER)[0])
    assert token is not None
    assert token.expires_at == token.created_at + timedelta(days=access.DEFAULT_DAYS)
    assert store.tokens.get(make(store, Role.READER, days=0)[0]).expires_at is None  # type: ignore[union-attr]


def test_the_last_use_is_written_once_a_minute(store: Store) -> None:
    token_id, _ = make(store)
    first = now()

    def used_after(seconds: float) -> float:
        token = store.tokens.get(token_id)
        assert token is not None
        store.tokens.used(token, first + timedelta(seconds=seconds))
        stale = replace(token, last_used_at=None)  # as another process read it before
        store.tokens.used(stale, first + timedelta(seconds=seconds))
        token = store.tokens.get(token_id)
        assert token is not None
        assert token.last_used_at is not None
        return (token.last_used_at - first).total_seconds()

    assert used_after(0) == 0
    assert used_after(stored.USED_EVERY_S - 1) == 0
    assert used_after(stored.USED_EVERY_S) == stored.USED_EVERY_S


@pytest.mark.parametrize(
    ("name", "roles", "scope"),
    [
        ("", [Role.READER], ANYWHERE),
        ("a b", [Role.READER], ANYWHERE),
        ("x" * 101, [Role.READER], ANYWHERE),
        ("api", [Role.READER], ANYWHERE),
        ("hook", [Role.HOOK], ANYWHERE),
        ("ci", [], ANYWHERE),
        ("ci", [Role.HOOK, Role.READER], ANYWHERE),
        ("ci", [Role.HOOK, Role.ADMIN], ANYWHERE),
        ("ci", [Role.READER], Scope(("",))),
        ("ci", [Role.READER], Scope((), ("\x00",))),
        ("ci", [Role.READER], Scope(("\ud800",))),
    ],
)
def test_what_no_token_can_be(store: Store, name: str, roles: list[Role], scope: Scope) -> None:
    with pytest.raises(UsageError):
        make_token(store.tokens, name, roles, scope, created_by="ann")
    assert store.tokens.listed() == []


# -- roles and scopes ---------------------------------------------------------------------------------


def test_the_hook_opens_the_hook_alone_and_nobody_else_does() -> None:
    assert set(OPENS) == set(Role)
    assert [role for role in Role if Role.HOOK in OPENS[role]] == [Role.HOOK]
    assert OPENS[Role.HOOK] == {Role.HOOK}
    assert not opens(Principal("x", ()), Role.READER)


@pytest.mark.parametrize(
    ("scope", "repository", "branch", "reached"),
    [
        (Scope(), "sales", "main", True),
        (Scope(), "sales", None, True),
        (Scope(("sales",)), "sales", "main", True),
        (Scope(("sales",)), "sales", None, True),
        (Scope(("sales",)), "sales-2", "main", False),
        (Scope(("sales-*",)), "sales-2", "x/y", True),
        (Scope((), ("main",)), "sales", "main", True),
        (Scope((), ("main",)), "sales", "dev", False),
        (Scope((), ("main",)), "sales", None, False),
        (Scope((), ("**",)), "sales", None, False),
        (Scope(("sales",), ("main",)), "hr", "main", False),
        (Scope((), ("release/*",)), "sales", "release/1/x", False),
    ],
)
def test_where_a_scope_reaches(scope: Scope, repository: str, branch: str | None, reached: bool) -> None:
    assert covers(scope, repository, branch) is reached


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_the_newest_within_a_scope_are_found_behind_others(limit: int) -> None:
    rows = [("hr", f"{number}") for number in range(200)]
    rows[150:150] = [("sales", "a"), ("sales", "b")]
    found = newest_within(Scope(("sales",)), limit, lambda size: rows[:size], lambda row: row)
    assert found == [("sales", "a"), ("sales", "b")][:limit]
    assert newest_within(Scope(), limit, lambda size: rows[:size], lambda row: row) == rows[:limit]


# -- failures -----------------------------------------------------------------------------------------


def test_wrong_tokens_make_an_address_wait_for_the_windows_end() -> None:
    clock = [1000.0]
    failures = Failures(3, lambda: clock[0])
    for _ in range(3):
        assert failures.wait_s("10.0.0.1") == 0
        failures.count("10.0.0.1")
    assert failures.wait_s("10.0.0.1") == WINDOW_S
    assert failures.wait_s("10.0.0.2") == 0
    clock[0] += WINDOW_S - 0.5
    assert failures.wait_s("10.0.0.1") == 1
    clock[0] += 0.5
    assert failures.wait_s("10.0.0.1") == 0
    failures.count("10.0.0.1")
    assert failures.wait_s("10.0.0.1") == 0


def test_who_has_a_network_of_addresses_is_one() -> None:
    failures = Failures(2, lambda: 0.0)
    failures.count("2001:db8::1")
    failures.count("2001:db8::ffff:1")
    assert failures.wait_s("2001:db8::2") > 0
    assert failures.wait_s("2001:db8:0:1::2") == 0
    failures.count("::ffff:10.0.0.1")
    failures.count("10.0.0.1")
    assert failures.wait_s("10.0.0.1") > 0


def test_what_is_remembered_of_failures_is_bounded() -> None:
    failures = Failures(1, lambda: 0.0)
    for number in range(MOST_ADDRESSES + 100):
        failures.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(failures) == MOST_ADDRESSES
