"""The gate's own files must not be lost by a revert (R8): which have to be put right, and how."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from gate_server.lakefs.objects import read_object
from gate_server.model import Commit, KeptPath, ObjectIdentity
from gate_server.policy.declared import CANARY_PREFIX
from gate_server.reverts.context import RevertContext

ACTIONS = "_lakefs_actions/gate_"
FOLDER = "_gate/"
GUARD = "_lakefs_actions/gate_guards.yaml"


@dataclass(frozen=True)
class GateFiles:
    """What a revert has to do about the gate's files.

    Parameters
    ----------
    kept
        Paths that must not come from the target.
    note
        The same for people; empty when the target's own files are right.
    right_on_head
        Whether the branch's head holds already what `kept` would put there.
    guarded
        Whether the guard of reverts is on the head, unaltered where the gate knows what it installed.
    """

    kept: tuple[KeptPath, ...]
    note: str
    right_on_head: bool
    guarded: bool


def is_gate_file(path: str) -> bool:
    """Whether `path` is one of the gate's own."""
    return path.startswith((ACTIONS, FOLDER)) and not path.startswith(CANARY_PREFIX)


def look_at_gate_files(
    context: RevertContext, repository: str, branch: str, head: Commit, target: Commit
) -> GateFiles:
    """Compare the gate's files of `head` and `target` with what was installed on `branch`.

    Without a record of an installation the target's own files are taken, or the head's where it has none.
    """
    there, then = _listed(context, repository, head), _listed(context, repository, target)
    installed = context.store.installations.files(repository, branch)
    if installed is None:
        guarded = GUARD in there
        if any(path.startswith(ACTIONS) for path in then) or not there:
            return GateFiles((), "", True, guarded)
        kept = tuple(KeptPath(path, "branch") for path in sorted(there))
        return GateFiles(kept, f"kept as on {branch}, the target has none: {_names(kept)}", True, guarded)
    right_then = {
        path: holds(context, repository, target, then.get(path), path, text)
        for path, text in installed.items()
    }
    right_there = {
        path: holds(context, repository, head, there.get(path), path, text)
        for path, text in installed.items()
    }
    strange = sorted(path for path in then if path.startswith(ACTIONS) and path not in installed)
    kept = tuple(
        [KeptPath(path, "installed") for path, right in sorted(right_then.items()) if not right]
        + [KeptPath(path, "absent") for path in strange]
    )
    right_on_head = all(right_there.values()) and not any(
        path.startswith(ACTIONS) and path not in installed for path in there
    )
    guarded = right_there.get(GUARD, False)
    note = f"put right as installed: {_names(kept)}" if kept else ""
    return GateFiles(kept, note, right_on_head, guarded)


def _listed(context: RevertContext, repository: str, commit: Commit) -> dict[str, ObjectIdentity]:
    return {
        path: identity
        for prefix in (ACTIONS, FOLDER)
        for path, identity in context.listings.of(repository, commit, prefix).items()
        if is_gate_file(path)
    }


def holds(
    context: RevertContext,
    repository: str,
    commit: Commit,
    identity: ObjectIdentity | None,
    path: str,
    text: str,
) -> bool:
    """Whether `commit` holds exactly `text` at `path`."""
    wanted = text.encode("utf-8")
    if identity is None or identity.size_bytes != len(wanted):
        return False
    # lakeFS computed the checksum of its own objects (C1); a linked one's is only claimed.
    if not identity.linked and identity.checksum == hashlib.md5(wanted, usedforsecurity=False).hexdigest():
        return True
    return read_object(context.lakefs, repository, commit.id, path) == wanted


def _names(kept: tuple[KeptPath, ...]) -> str:
    return ", ".join(item.path for item in kept)
