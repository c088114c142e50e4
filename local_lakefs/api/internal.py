"""Calls of the API from within the server, as a Lua script makes them."""

from __future__ import annotations

import posixpath
from contextvars import ContextVar, copy_context
from urllib.parse import quote

from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from local_lakefs.actions.endpoint import Ask, Call
from local_lakefs.actions.model import HookRefused
from local_lakefs.service import Credentials

ANSWER_LIMIT_BYTES = 16 << 20  # a script's own memory is limited, too
NESTED_LIMIT = 4  # a script's call may run hooks, whose scripts may call; each is a process

_nested: ContextVar[int] = ContextVar("nested", default=0)


def endpoint(app: Flask, prefix: str, credentials: Credentials) -> Ask:
    """Make a function that answers calls by `app`, through the same door as all others."""

    def answer(call: Call) -> tuple[int, bytes]:
        if _nested.get() >= NESTED_LIMIT:
            raise HookRefused(f"hooks that call hooks: more than {NESTED_LIMIT} deep")
        _nested.set(_nested.get() + 1)
        path = posixpath.normpath("/".join((prefix, *call.path)))
        builder = EnvironBuilder(
            method=call.method,
            path=quote(path, safe="/%"),
            query_string=call.query,
            json=call.body,
            auth=(credentials.access_key_id, credentials.secret_access_key),
        )
        chunks, status, _ = run_wsgi_app(app.wsgi_app, builder.get_environ())
        body = bytearray()
        try:
            for chunk in chunks:
                body += chunk
                if len(body) > ANSWER_LIMIT_BYTES:
                    raise HookRefused(
                        f"{call.query.get('path', path)} is larger than {ANSWER_LIMIT_BYTES} bytes:"
                        " the embedded lakeFS gives a script no more"
                    )
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return int(status.split()[0]), bytes(body)

    # in a context of its own: the request that the hook belongs to has one, which is to stay as it is
    return lambda call: copy_context().run(answer, call)
