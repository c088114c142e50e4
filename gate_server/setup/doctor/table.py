"""Every fault that the doctor knows: the one list, of which docs/doctor.md is made too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["fault", "advice"]
PLACE = "lakefs://REPOSITORY/BRANCH"


@dataclass(frozen=True)
class Known:
    """A fault.

    Parameters
    ----------
    id
        Stable: 1xx lakeFS, 2xx a guarded branch, 3xx the gate itself.
    level
        ``fault``: bad data may pass, or good data cannot. ``advice``: it works, but look at it.
    title
        The fault as a sentence.
    looked
        How it is looked for.
    fix
        A command, or what to set. `PLACE` stands for the branch.
    """

    id: str
    level: Level
    title: str
    looked: str
    fix: str


_SAME = (
    "set LAKEFSACTION_GATE_TOKEN in the lakeFS server's environment to the gate's GATE_HOOK_TOKEN, "
    "and restart lakeFS"
)
_INSTALL = f"gate install {PLACE}"

TABLE: tuple[Known, ...] = (
    Known(
        "D101",
        "fault",
        "lakeFS is not set, or does not answer",
        "one call with lakectl's settings",
        "check LAKECTL_SERVER_ENDPOINT_URL (or ~/.lakectl.yaml), and that this machine reaches it",
    ),
    Known(
        "D102",
        "fault",
        "lakeFS refuses the gate's keys",
        "the same call",
        "check LAKECTL_CREDENTIALS_ACCESS_KEY_ID and LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY",
    ),
    Known(
        "D103",
        "advice",
        "lakeFS's clock and this machine's differ",
        "the `Date` of lakeFS's answer; 30 s and more are told",
        "let both machines keep time by NTP",
    ),
    Known(
        "D201",
        "fault",
        "The gate's key lacks a right",
        "each call that checks and reverts make, on two hidden branches that are deleted again",
        "give the key's user the named rights on the repository",
    ),
    Known(
        "D202",
        "fault",
        "The branch is not protected",
        "the repository's branch protection rules",
        _INSTALL,
    ),
    Known(
        "D203",
        "fault",
        "The gate's action is missing on the branch",
        "the branch's head",
        _INSTALL,
    ),
    Known(
        "D204",
        "fault",
        "The gate's files on the branch differ from those of this version",
        "the branch's head, beside what `gate install` would write with the same options",
        f"{_INSTALL}, with the options it was installed with",
    ),
    Known(
        "D205",
        "fault",
        "lakeFS does not reach the gate",
        "a merge that the gate has to refuse, on two hidden branches: lakeFS itself calls the gate",
        f"set GATE_PUBLIC_URL to an address that lakeFS reaches, then {_INSTALL}; does the gate run?",
    ),
    Known(
        "D206",
        "fault",
        "lakeFS has no token for the gate",
        "the same merge",
        _SAME,
    ),
    Known(
        "D207",
        "fault",
        "The gate refuses lakeFS's token",
        "the same merge",
        _SAME,
    ),
    Known(
        "D208",
        "fault",
        "lakeFS lets no Lua hook ask the gate",
        "the same merge, where the action is in Lua",
        f"set actions.lua.net_http_enabled: true on the lakeFS server, or {_INSTALL} without --lua",
    ),
    Known(
        "D209",
        "fault",
        "lakeFS lets a merge through that the gate has to refuse",
        "the same merge: it passes when something else answers in the gate's place, or hooks are off",
        "the action's address has to be the gate itself, without a redirect; lakeFS needs actions.enabled",
    ),
    Known(
        "D210",
        "fault",
        "The guard of reverts is missing",
        "a revert that expects another head, on a hidden branch: it has to be refused",
        _INSTALL,
    ),
    Known(
        "D211",
        "fault",
        "Cherry-picks onto the branch are not refused",
        "a cherry-pick onto a hidden branch with the same files: it has to be refused",
        _INSTALL,
    ),
    Known(
        "D212",
        "advice",
        "Checks take longer than a merge waits",
        "the longest of the branch's last checks, beside GATE_WAIT_S, the webhook's timeout or max_wait_s",
        f"{_INSTALL} --lua --max-wait SECONDS, above what a check takes",
    ),
    Known(
        "D213",
        "fault",
        "No rule is for the branch: everything passes",
        "the policy, beside the repository's and the branch's names",
        "write a rule with the branch in `branches:`, such as `gate init` drafts",
    ),
    Known(
        "D214",
        "advice",
        "A rule matches nothing on the branch",
        "what the branch holds, up to 20,000 objects",
        "check the rule's `paths:`; for data that is still to come there is nothing to do",
    ),
    Known(
        "D215",
        "fault",
        "The policy that the repository keeps is wrong",
        "GATE_POLICY_IN_REPOSITORY at the branch's head, as `gate suites lint` looks at a policy",
        "mend it on a branch, `gate policy announce` it, and merge it",
    ),
    Known(
        "D301",
        "fault",
        "The policy or its suites are wrong",
        "what `gate suites lint` looks at",
        "gate suites lint",
    ),
    Known(
        "D302",
        "fault",
        "The gate's database cannot be used",
        "GATE_DATABASE_URL, else the SQLite file in GATE_DATA_DIR",
        "check GATE_DATABASE_URL; `gate serve` makes a database where there is none",
    ),
    Known(
        "D303",
        "fault",
        "The database is of another version",
        "the schema's version, beside this program's",
        "gate db backup FILE && gate db upgrade",
    ),
    Known(
        "D304",
        "advice",
        "The database's clock and this machine's differ",
        "the time that the database says; 30 s and more are told",
        "let both machines keep time by NTP",
    ),
    Known(
        "D305",
        "fault",
        "No worker is alive",
        "the workers that said so in the database",
        "gate serve, or gate worker with the same GATE_DATABASE_URL; its log says why one ended",
    ),
    Known(
        "D306",
        "fault",
        "The disk is nearly full",
        "GATE_DATA_DIR and the folder for temporary files (TMPDIR); less than 1 GB free is told",
        "make room, or set GATE_DATA_DIR and TMPDIR to folders on a larger disk",
    ),
)
KNOWN = {known.id: known for known in TABLE}
_STATES = """\
| state | meaning | exit code |
|---|---|---|
| fine | looked at, and in order | 0 |
| found | a fault, or advice | 1 for a fault, 0 for advice |
| could not look | why stands beside it; it is never taken for fine | 3 where there is no fault |
| nothing to look at | it does not matter here, or there is nothing yet | 0 |
"""


def as_markdown() -> str:
    """Return docs/doctor.md."""
    rows = "\n".join(
        f"| {known.id} | {known.title} | {known.looked} | {known.level} | {known.fix.replace('|', ' ')} |"
        for known in TABLE
    )
    return (
        "# What `gate doctor` finds\n"
        "`gate doctor` looks at lakeFS, the guarded branches and the gate, and says of each fault what it "
        "saw, where, and what mends it. Run it where the gate runs, with its settings; "
        f"`gate doctor {PLACE}` looks at that branch, without one at each that the gate was installed on.\n\n"
        "It tries what it can on hidden branches that it makes and deletes; never on the guarded branch, "
        "never with its data. What it leaves when it is killed, a gate that runs there deletes within two "
        "hours. `--read-only` makes none, and says what it could not look at then. "
        "`--json` gives the same as one document. An admin has the guarded branches looked at on the gate's "
        "page *Set-up*, too.\n\n"
        f"{_STATES}\n"
        "Exit code 2 is for usage and settings. The ids are stable. This page is made of the program's own "
        "table.\n\n"
        f"| id | fault | how it is looked for | level | what mends it |\n|---|---|---|---|---|\n{rows}\n"
    )
