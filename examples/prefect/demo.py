"""`make prefect-demo`: both example flows on a real Prefect server with a worker, good data and bad.

Starts the embedded lakeFS, the gate, Prefect's server and a worker on free ports of this machine, in a
temporary folder. In a terminal all of it stays up until Ctrl-C. What is not as it must be ends it with
exit 1.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from gate_server.cli.demo_stage import Ask, Stage, set_up, until_interrupted
from gate_server.cli.demo_teller import Differs, Teller
from gate_server.cli.ports import usable_port

HERE = Path(__file__).parent
REPOSITORY = "prefect-demo"
PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]
START_S = 180.0
RUN_S = 300.0


def main() -> int:
    """Play all of it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    tell = Teller()
    started = time.monotonic()
    try:
        with set_up(Ask()) as stage, _prefect(stage, tell) as ui:
            _prepare(stage, tell)
            with _process(
                stage, "worker", "worker", "start", "--pool", "lakefs", "--install-policy", "never"
            ):
                _play(stage, tell, ui)
                tell.end(f"All of it happened as it must, in {time.monotonic() - started:.0f} s.")
                if sys.stdout.isatty():
                    tell.note(f"All of it stays up until Ctrl-C: Prefect {ui}, gate {stage.gate_url}")
                    tell.note(f"(the gate's pages want the token {stage.api_token})")
                    tell.note(
                        "(the embedded lakeFS has no pages: its links lead to what its API says, for "
                        f"{stage.keys['access_key_id']}:{stage.keys['secret_access_key']})"
                    )
                    until_interrupted()
    except Differs as error:
        tell.differs(str(error))
        return 1
    except KeyboardInterrupt:
        tell.note("ending ...")
    return 0


@contextmanager
def _prefect(stage: Stage, tell: Teller) -> Iterator[str]:
    """Start Prefect's server; give the address of its pages."""
    tell.step("Prefect's server, self-hosted: SQLite, offline")
    port = usable_port("127.0.0.1", 0)
    ui = f"http://127.0.0.1:{port}"
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    # Prefect reads its settings as it is imported, which is later on.
    os.environ.update(
        stage.environment,
        PREFECT_HOME=str(stage.folder / "prefect"),
        TMPDIR=str(stage.folder),  # what Prefect leaves goes with the folder
        PREFECT_API_URL=f"{ui}/api",
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_WORKER_QUERY_SECONDS="1",  # 10 is the default: nobody waits for that here
        DO_NOT_TRACK="1",
        LAKEFS_REPOSITORY=REPOSITORY,
        EXAMPLES=str(HERE),
    )
    with _process(stage, "server", "server", "start", "--host", "127.0.0.1", "--port", str(port)):
        deadline = time.monotonic() + START_S
        while not _answers(f"{ui}/api/health"):
            if time.monotonic() > deadline:
                log = (stage.folder / "prefect-server.log").read_text()[-3000:]
                raise Differs(f"Prefect's server did not come up:\n{log}")
            time.sleep(0.2)
        tell.fact("Prefect", ui)
        tell.fact("lakeFS", stage.lakefs_url)
        tell.fact("gate", stage.gate_url)
        yield ui


def _prepare(stage: Stage, tell: Teller) -> None:
    """Make the repository with the gate before its main, the blocks, the pool and the deployments."""
    import lakefs

    from gate_client.prefect import GateCredentials, LakeFSCredentials

    tell.step("A repository, the gate before its main, two blocks, three deployments")
    lakefs.Repository(REPOSITORY, client=stage.client).create(f"{stage.storage_namespace}/{REPOSITORY}")
    tell.gate(stage, "install", f"lakefs://{REPOSITORY}/main", expect=0, says="in force")
    _command(tell, "block", "register", "-m", "gate_client.prefect")
    LakeFSCredentials(endpoint_url=stage.lakefs_url, **stage.keys).save("lake")
    GateCredentials(url=stage.gate_url, token=stage.api_token).save("gate")
    _command(tell, "work-pool", "create", "lakefs", "--type", "process")
    _command(tell, "deploy", "--all")


def _play(stage: Stage, tell: Teller, ui: str) -> None:
    for title, deployment in (
        ("Option 1, an existing flow", "nightly-import-isolated/existing-flow"),
        ("Option 2, step by step", "stepwise-import-isolated/new-flow"),
    ):
        tell.step(f"{title}: good data")
        _run(stage, tell, ui, deployment, {"file": "lakefs_test.csv"}, "COMPLETED")
        tell.step(f"{title}: a column is missing")
        before = _head(stage)
        _run(stage, tell, ui, deployment, {"file": "lakefs_test_latest_file.csv"}, "FAILED")
        tell.expect(_head(stage) == before, "main was changed by a run that the gate refused")
        tell.good("main is as it was")
    tell.step("What comes after a promotion fails: main goes back")
    before = _content(stage)
    # Another object than before, so that there is something to promote.
    _run(stage, tell, ui, "publish/publish", {"file": "lakefs_test_more.csv", "fail": True}, "FAILED")
    deadline = time.monotonic() + START_S
    while _content(stage) != before and time.monotonic() < deadline:  # a hook comes after the state
        time.sleep(0.5)
    tell.expect(_content(stage) == before, "main was not put back")
    tell.good(f"main holds what it held before; the way back is {_head(stage)}")


def _run(
    stage: Stage, tell: Teller, ui: str, deployment: str, parameters: dict[str, object], expected: str
) -> None:
    """Run a deployment on the worker, and print the three links."""
    from prefect.deployments import run_deployment

    tell.call(f"run_deployment({deployment!r}, parameters={parameters})")
    run = run_deployment(deployment, parameters=parameters, timeout=RUN_S, poll_interval=1)
    state = run.state
    said = f"{state.name}: {' '.join((state.message or '').split())[:300]}"
    tell.expect(state.type.value == expected, f"{deployment} ended {said}")
    (tell.good if expected == "COMPLETED" else tell.bad)(said)
    tell.fact("run", f"{ui}/runs/flow-run/{run.id}")
    check = stage.api.list_checks(REPOSITORY, limit=1)[0]
    here = f"{stage.lakefs_url}/repositories/{REPOSITORY}"
    if check.allowed:
        tell.fact("commit", f"{here}/commits/{_promotion(stage, str(run.id))}")
    else:
        tell.fact("branch", f"{here}/objects?ref={check.source_name}")
    tell.fact("report", f"{check.report}  {check.summary}")


def _promotion(stage: Stage, flow_run_id: str) -> str:
    """Return the merge that promoted a run; main may have gone back since."""
    log = stage.client.sdk_client.refs_api.log_commits(REPOSITORY, "main", first_parent=True, amount=20)
    for commit in log.results:
        of = {commit.metadata.get(key) for key in ("prefect_flow_run_id", "prefect_root_flow_run_id")}
        if flow_run_id in of and len(commit.parents) == 2:
            return str(commit.id)
    raise Differs(f"no commit of main names the run {flow_run_id}")


def _content(stage: Stage) -> str:
    return str(stage.client.sdk_client.commits_api.get_commit(REPOSITORY, "main").meta_range_id)


def _head(stage: Stage) -> str:
    return str(stage.client.sdk_client.branches_api.get_branch(REPOSITORY, "main").commit_id)


def _command(tell: Teller, *arguments: str) -> None:
    """Run a command of Prefect's."""
    command = f"prefect {' '.join(arguments)}"
    done = subprocess.run(
        [*PREFECT, *arguments],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    tell.expect(done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    tell.good(command)


@contextmanager
def _process(stage: Stage, name: str, *arguments: str) -> Iterator[None]:
    """Run a command of Prefect's until the block ends."""
    with (stage.folder / f"prefect-{name}.log").open("wb") as output:
        process = subprocess.Popen(
            [*PREFECT, *arguments],
            cwd=HERE,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches the demo alone, which then ends its processes in order
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    sys.exit(main())
