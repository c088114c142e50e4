"""Hook bodies by the thousand that lakeFS would never send: each is refused in the one shape of errors."""

from __future__ import annotations

import json
import os
import random
import string
from collections.abc import Callable
from typing import Any

import httpx

from tests.e2e.harness import BAD, HOOK_TOKEN, Gate, World

HOOKS = int(os.environ.get("GATE_TEST_HOOKS", "3000"))
JSON = "application/json"
NEEDED = ("event_type", "repository_id", "branch_id")
OTHERS = ("source_ref", "merge_source", "commit_id", "commit_message", "committer")
CONTENT_TYPES = (
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "json",
    "",
)
ENCODINGS = ("utf-16", "utf-32", "utf-7", "utf-8-sig", "latin-1", "cp037")
REFS = (
    "..",
    "../../etc/passwd",
    "a/../../b",
    "main~1",
    "main@",
    "main^{tree}",
    "-",
    "--help",
    "%2e%2e%2f",
    "http://127.0.0.1/",
    "file:///etc/passwd",
    "main\r\nX-Injected: 1",
    "a\x00b",
    "\u202e",
    "'; DROP TABLE checks; --",
    "{{ 7 * 7 }}",
    "${jndi:ldap://127.0.0.1/x}",
    "x" * 1024,
    "x" * 1025,
    "f" * 64,
    "F" * 64,
    "0",
    " ",
    ".",
)
NO_TEXTS: tuple[Any, ...] = (
    None,
    0,
    -1,
    True,
    1.5,
    10**300,
    float("nan"),
    float("inf"),
    [],
    {},
    ["x"],
    {"x": 1},
)


class Malformed:
    """Makes requests that are no event, or an event of nothing, from a seed."""

    def __init__(self, seed: str, event: dict[str, Any]) -> None:
        self._chance = random.Random(seed)
        self._event = event
        self._kinds: tuple[Callable[[], tuple[bytes, dict[str, str]]], ...] = (
            self._noise,
            self._broken_json,
            self._no_object,
            self._wrong_type,
            self._missing,
            self._names_of_nothing,
            self._deep,
            self._huge_number,
            self._half_characters,
            self._twice,
            self._content_type,
            self._encoding,
            self._another_event,
        )

    def next(self) -> tuple[bytes, dict[str, str]]:
        """Return a body and its headers."""
        return self._chance.choice(self._kinds)()

    def _text(self, value: Any) -> tuple[bytes, dict[str, str]]:
        return json.dumps(value).encode(), {"Content-Type": JSON}

    def _whole(self) -> bytes:
        return json.dumps(self._event).encode()

    def _noise(self) -> tuple[bytes, dict[str, str]]:
        return self._chance.randbytes(self._chance.randrange(400)), {"Content-Type": JSON}

    def _broken_json(self) -> tuple[bytes, dict[str, str]]:
        whole = bytearray(self._whole())
        place = self._chance.randrange(len(whole))
        cut = bytes(whole[:place])
        whole[place] = self._chance.choice(b"\x00\x1f\xff\xc0{}[]")
        return self._chance.choice((cut, bytes(whole).replace(b'"', b"'"), bytes(whole) + b"}", b"")), {
            "Content-Type": JSON
        }

    def _no_object(self) -> tuple[bytes, dict[str, str]]:
        return self._text(self._chance.choice((*NO_TEXTS, "x", [self._event], json.dumps(self._event))))

    def _wrong_type(self) -> tuple[bytes, dict[str, str]]:
        key = self._chance.choice((*NEEDED, *OTHERS))
        wrong = [item for item in NO_TEXTS if item is not None or key in NEEDED]
        return self._text({**self._event, key: self._chance.choice(wrong)})

    def _missing(self) -> tuple[bytes, dict[str, str]]:
        gone = self._chance.sample(NEEDED, self._chance.randint(1, 3))
        extra = {
            "".join(self._chance.choices(string.printable, k=8)): self._chance.choice(NO_TEXTS)
            for _ in range(self._chance.randrange(20))
        }
        return self._text({**extra, **{key: self._event[key] for key in self._event if key not in gone}})

    def _names_of_nothing(self) -> tuple[bytes, dict[str, str]]:
        changed = {key: self._chance.choice(REFS) for key in ("repository_id", "commit_id")}
        changed |= {
            key: self._chance.choice(REFS) for key in (*NEEDED[2:], *OTHERS) if self._chance.random() < 0.5
        }
        event = {**self._event, **changed}
        for key in self._chance.sample(OTHERS, self._chance.randrange(3)):
            event.pop(key, None)
        return self._text(event)

    def _deep(self) -> tuple[bytes, dict[str, str]]:
        depth = self._chance.choice((500, 5_000, 100_000))
        left, right = self._chance.choice((("[", "]"), ('{"a":', "}")))
        middle = left * depth + "1" + right * depth * self._chance.randrange(2)
        return f'{{"event_type": {middle}}}'.encode(), {"Content-Type": JSON}

    def _huge_number(self) -> tuple[bytes, dict[str, str]]:
        number = self._chance.choice(
            ("9" * 5000, "-" + "1" * 100_000, "1e999999999", "NaN", "-Infinity", "0x1")
        )
        key = self._chance.choice(NEEDED)
        rest = {name: value for name, value in self._event.items() if name != key}
        return f'{json.dumps(rest)[:-1]}, "{key}": {number}}}'.encode(), {"Content-Type": JSON}

    def _half_characters(self) -> tuple[bytes, dict[str, str]]:
        half = self._chance.choice(
            (b"\\ud800", b"\\udc00\\ud800", b"\xed\xa0\x80", b"\xc3", b"\xf5\x80\x80\x80")
        )
        key = self._chance.choice((*NEEDED, *OTHERS))
        return self._whole()[:-1] + b', "' + key.encode() + b'": "a' + half + b'"}', {"Content-Type": JSON}

    def _twice(self) -> tuple[bytes, dict[str, str]]:
        key = self._chance.choice(NEEDED)
        return self._whole()[:-1] + b', "' + key.encode() + b'": null}', {"Content-Type": JSON}

    def _content_type(self) -> tuple[bytes, dict[str, str]]:
        return self._whole(), {"Content-Type": self._chance.choice(CONTENT_TYPES)}

    def _encoding(self) -> tuple[bytes, dict[str, str]]:
        broken = {**self._event, "repository_id": "é" * 5, "commit_id": ""}
        encoding = self._chance.choice(ENCODINGS)
        body = json.dumps(broken, ensure_ascii=False).encode(encoding)
        named = self._chance.choice(({"Content-Encoding": "gzip"}, {}))
        return body, {"Content-Type": f"{JSON}; charset={encoding}", **named}

    def _another_event(self) -> tuple[bytes, dict[str, str]]:
        kind = self._chance.choice(
            ("pre-commit", "post-create-tag", "POST-MERGE", "PRE-MERGE", " pre-merge", "pre-merge\x00", *REFS)
        )
        return self._text({**self._event, "event_type": kind})


def test_thousands_of_malformed_bodies_are_each_refused_and_none_is_passed(
    gate_on_sqlite: Gate, world: World
) -> None:
    gate = gate_on_sqlite
    world.commit(world.main, {"lakefs_test.csv": BAD})
    head = world.main.get_commit().id
    event = {
        "event_type": "pre-merge",
        "repository_id": world.name,
        "branch_id": "main",
        "source_ref": head,
        "merge_source": "nightly",
        "commit_id": head,
    }
    seed = os.environ.get("GATE_TEST_SEED") or str(random.randrange(10**6))
    malformed, seen = Malformed(seed, event), set()
    with httpx.Client(
        base_url=gate.url, headers={"Authorization": f"Bearer {HOOK_TOKEN}"}, timeout=60
    ) as lakefs:
        for number in range(HOOKS):
            body, headers = malformed.next()
            answer = lakefs.post("/hooks/lakefs", content=body, headers=headers)
            seen.add(answer.status_code)
            assert_refused(answer, f"GATE_TEST_SEED={seed}, body {number}: {body[:300]!r} {headers}")
    assert seen == {400, 415, 422, 503}
    # The gate is as it was: what is bad is refused with its reason, what is good passes.
    refused = gate.post_event(event)
    assert (refused.status_code, refused.json()["verdict"]) == (412, "FAIL")
    world.commit(world.main, {"lakefs_test.csv": b"1,2,3,4,5\n"})
    head = world.main.get_commit().id
    assert gate.post_event({**event, "source_ref": head, "commit_id": head}).json()["verdict"] == "PASS"
    assert "Traceback" not in gate.log.read_text(errors="replace")


def assert_refused(answer: httpx.Response, case: str) -> None:
    assert answer.status_code in (400, 413, 415, 422, 503), (case, answer.status_code, answer.text)
    assert answer.headers["content-type"] == JSON, case
    assert "Traceback" not in answer.text, case
    said = answer.json()
    if answer.status_code == 503:
        assert (said["allowed"], said["verdict"]) == (False, "ERROR"), case
        assert said["reasons"], case
    else:
        assert set(said) == {"error"}, case
        assert set(said["error"]) == {"code", "message", "hint"}, case
        assert said["error"]["message"], case
