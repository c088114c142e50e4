"""`gate demo`: two stories played for real, a bad file refused and main put back. Reads as the story.

Any answer that is not the one that it must be ends the demo with exit 1: it is a test as well.
"""

from __future__ import annotations

import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import click

from gate_server.cli.demo_stage import Ask, Stage, set_up, until_interrupted
from gate_server.cli.demo_teller import Differs, Teller
from gate_server.errors import UsageError
from gate_server.reports.wording import short_id

DATA = files("gate_server.cli") / "demo_data"
GOOD, BAD = "lakefs_test.csv", "lakefs_test_latest_file.csv"
MISSING = "`_c4` is missing: 5 columns expected, 4 found (`_c0, _c1, _c2, _c3`)"
ACTIONS = "_lakefs_actions/"


@click.command("demo")
@click.option("--lakefs-url", default="", metavar="URL", help="Play on this lakeFS, not on the embedded one.")
@click.option(
    "--storage-namespace", default="", metavar="URI", help="Where there: s3://bucket/prefix, local://x."
)
@click.option("--public-url", default="", metavar="URL", help="Where that lakeFS reaches this machine.")
def command(lakefs_url: str, storage_namespace: str, public_url: str) -> int:
    """See a bad merge refused and main put back, on real processes. Nothing of yours is touched.

    Starts the embedded lakeFS and the gate on free ports of this machine, and drives them with the official
    lakeFS SDK and the gate's own commands. In a terminal both stay up until Ctrl-C, to look around.

    On a lakeFS of your own it makes a repository for itself and deletes it at the end. That takes lakectl's
    keys, the three options, and GATE_HOOK_TOKEN as the lakeFS server has it in LAKEFSACTION_GATE_TOKEN. The
    gate then listens on the port of --public-url.

    \b
    Examples:
      gate demo
      gate demo --lakefs-url http://lakefs:8000 --storage-namespace s3://bucket/demo \\
        --public-url http://my-machine:8090
    """
    given = (lakefs_url, storage_namespace, public_url)
    if any(given) and not all(given):
        raise UsageError(
            "--lakefs-url, --storage-namespace and --public-url belong together", "give all three"
        )
    # The processes are ended in order when this one is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    teller = Teller()
    started = time.monotonic()
    try:
        with set_up(Ask(*given)) as stage, _repository(stage, teller) as repository:
            _play(stage, teller, repository)
            teller.end(f"All of it happened as it must, in {time.monotonic() - started:.1f} s.")
            if sys.stdout.isatty():
                _stay(stage, teller)
    except Differs as error:
        teller.differs(str(error))
        return 1
    return 0


def _play(stage: Stage, tell: Teller, repository: Any) -> None:
    tell.gate(stage, "install", f"lakefs://{repository.id}/main", expect=0, says="in force")
    good = _good_data(stage, tell, repository)
    _bad_data(stage, tell, repository)
    _bad_data_gets_in(stage, tell, repository)
    _back(stage, tell, repository, good)
    _as_it_was(stage, tell, repository, good)


@contextmanager
def _repository(stage: Stage, tell: Teller) -> Iterator[Any]:
    """Make the demo's repository; on a lakeFS of the user's own it is deleted in the end."""
    import lakefs

    tell.step("A lakeFS, and the gate before its main")
    tell.fact("lakeFS", f"{stage.lakefs_url}  {_process(stage, 'lakeFS', 'your own')}")
    tell.fact("gate", f"{stage.gate_url}  {_process(stage, 'the gate', '')}")
    name = f"gate-demo-{secrets.token_hex(3)}"
    repository = lakefs.Repository(name, client=stage.client)
    tell.call(f'lakefs.Repository("{name}").create("{stage.storage_namespace}/{name}")')
    repository.create(f"{stage.storage_namespace}/{name}")
    try:
        yield repository
    finally:
        if "lakeFS" not in stage.processes:
            repository.delete()


def _good_data(stage: Stage, tell: Teller, repository: Any) -> str:
    tell.step(f"A good file: {GOOD}, five columns")
    branch = _branch_with(tell, repository, "import-1", {GOOD: GOOD})
    commit = _merge(stage, tell, repository, branch)
    tell.good(f"lakeFS merged: main is at {short_id(commit)}")
    verdict = _newest_verdict(stage, repository)
    tell.expect(verdict["verdict"] == "PASS", f"the verdict is {verdict['summary']}, PASS was expected")
    tell.good(f"the gate said {verdict['summary']}")
    return commit


def _bad_data(stage: Stage, tell: Teller, repository: Any) -> None:
    tell.step(f"A bad file: {BAD}, its fifth column is gone")
    branch = _branch_with(tell, repository, "import-2", {BAD: BAD})
    tell.note("Before the merge, whoever wants to know can ask:")
    tell.gate(stage, "check", f"lakefs://{repository.id}/import-2", "--into", "main", expect=1, says=MISSING)
    tell.note("The merge itself:")
    _refused_merge(stage, tell, repository, branch)


def _bad_data_gets_in(stage: Stage, tell: Teller, repository: Any) -> None:
    tell.step("Bad data gets in anyway: through a branch that dropped the gate's action")
    branch = repository.branch("careless").create("main")
    actions = [item.path for item in branch.objects(prefix=ACTIONS)]
    tell.call(f'branch = repo.branch("careless").create("main"); branch.delete_objects({actions})')
    branch.delete_objects(actions)
    _fill(tell, branch, {GOOD: BAD, BAD: BAD})
    commit = _merge(stage, tell, repository, branch)
    tell.bad(f"lakeFS merged without asking: main is at {short_id(commit)} and holds four columns")
    tell.note("(lakeFS takes the actions from the branch that is merged: a hook alone can be bypassed.)")


def _back(stage: Stage, tell: Teller, repository: Any, good: str) -> None:
    tell.step("main goes back, in one call")
    uri = f"lakefs://{repository.id}/main"
    tell.gate(
        stage, "revert", uri, "--to", short_id(good), "--reason", "a column is missing",
        expect=0, says="verified",
    )  # fmt: skip


def _as_it_was(stage: Stage, tell: Teller, repository: Any, good: str) -> None:
    tell.step(f"main is what it was at {short_id(good)}, and the gate stands before it again")
    then, now = _contents(repository, good), _contents(repository, "main@")
    tell.call(f'compare every byte of repo.ref("main") with repo.ref("{short_id(good)}")')
    tell.expect(then == now, f"main differs from {good}: {sorted(_different(then, now))}")
    for path, content in now.items():
        tell.good(f"{path}  {len(content)} bytes, equal")
    branch = _branch_with(tell, repository, "import-3", {BAD: BAD})
    _refused_merge(stage, tell, repository, branch)


def _branch_with(tell: Teller, repository: Any, name: str, data: dict[str, str]) -> Any:
    tell.call(f'branch = repo.branch("{name}").create("main")')
    branch = repository.branch(name).create("main")
    _fill(tell, branch, data)
    return branch


def _fill(tell: Teller, branch: Any, data: dict[str, str]) -> None:
    for path, source in data.items():
        content = (DATA / source).read_bytes()
        first = content.splitlines()[0].decode()
        tell.call(f'branch.object("{path}").upload(...)  # {first} ...')
        branch.object(path).upload(content)
    branch.commit(f"Add {', '.join(data)}")


def _merge(stage: Stage, tell: Teller, repository: Any, branch: Any) -> str:
    from lakefs.exceptions import LakeFSException

    tell.call('branch.merge_into("main")')
    try:
        return str(branch.merge_into("main"))
    except LakeFSException as error:
        said = _newest_verdict(stage, repository)["summary"]
        raise Differs(f"lakeFS refused to merge {branch.id}: {error}; the gate said {said}") from error


def _refused_merge(stage: Stage, tell: Teller, repository: Any, branch: Any) -> None:
    from lakefs.exceptions import ServerException

    before = repository.branch("main").get_commit().id
    tell.call('branch.merge_into("main")')
    try:
        branch.merge_into("main")
    except ServerException as error:
        tell.expect(error.status_code == 412, f"lakeFS answered {error}, 412 was expected")
        tell.bad(f"lakeFS answered {error.status_code}: {' '.join(error.body['message'].split())}")
    else:
        raise Differs(f"lakeFS merged {branch.id}, 412 was expected")
    verdict = _newest_verdict(stage, repository)
    right = verdict["verdict"] == "FAIL" and any(MISSING in line for line in verdict["reasons"])
    tell.expect(right, f"the verdict is {verdict['summary']}, FAIL with {MISSING} was expected")
    tell.bad(f"the gate said {verdict['summary']}")
    tell.fact("report", verdict["report"])
    after = repository.branch("main").get_commit().id
    tell.expect(before == after, f"main moved from {before} to {after}")
    tell.good(f"main is at {short_id(after)} as before, and never held the file")


def _newest_verdict(stage: Stage, repository: Any) -> dict[str, Any]:
    with stage.api as gate:
        listed = gate.list_checks(repository.id, limit=1)
    if not listed:
        raise Differs("the gate was not asked")
    return listed[0].model_dump()


def _contents(repository: Any, ref: str) -> dict[str, bytes]:
    at = repository.ref(ref)
    return {item.path: at.object(item.path).reader(mode="rb").read() for item in at.objects()}


def _different(then: dict[str, bytes], now: dict[str, bytes]) -> set[str]:
    return {path for path in {*then, *now} if then.get(path) != now.get(path)}


def _process(stage: Stage, name: str, otherwise: str) -> str:
    return f"(process {stage.processes[name]})" if name in stage.processes else f"({otherwise})"


def _stay(stage: Stage, tell: Teller) -> None:
    """Leave all up until Ctrl-C."""
    try:
        tell.note("All of it stays up until Ctrl-C. Look around:")
        tell.fact("pages", f"{stage.gate_url}  sign in with {stage.api_token}")
        tell.fact("lakeFS", stage.lakefs_url)
        for name, value in stage.environment.items():
            if name.startswith(("LAKECTL_", "GATE_")):
                tell.fact("export", f"{name}={value}")
        until_interrupted()
    except KeyboardInterrupt:
        tell.note("ending ...")
