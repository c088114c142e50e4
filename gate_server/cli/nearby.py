"""Names of repositories and branches near to those of a command line, for errors: "did you mean"."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from gate_server.cli.uris import SCHEME, LakeFSURI, parse
from gate_server.errors import GateError
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.connect import connect
from gate_server.lakefs.overview import heads, repositories

PATIENCE_S = 5.0


def did_you_mean(arguments: Sequence[str]) -> str:
    """Return a question that names what there is instead, or "": of the first URI that lakeFS does not have.

    Looked at with lakectl's settings; where those are missing or wrong, nothing is asked.
    """
    uris = [_uri(argument) for argument in arguments if argument.startswith(SCHEME)]
    try:
        lakefs = connect(timeout_s=PATIENCE_S)
        lakefs.reads_tried = 1
        return next((found for uri in uris if uri and (found := _near(lakefs, uri))), "")
    except GateError:
        return ""  # the error that is told is another one


def _uri(text: str) -> LakeFSURI | None:
    try:
        return parse(text, with_path=True)
    except ValueError:
        return None


def _near(lakefs: LakeFS, uri: LakeFSURI) -> str:
    names = repositories(lakefs)
    if uri.repository not in names:
        near = difflib.get_close_matches(uri.repository, names, 1)
        return f"did you mean {SCHEME}{near[0]}/{uri.ref}?" if near else ""
    branches = heads(lakefs, uri.repository)
    near = difflib.get_close_matches(uri.ref, branches, 1) if uri.ref not in branches else []
    return f"did you mean {SCHEME}{uri.repository}/{near[0]}?" if near else ""
