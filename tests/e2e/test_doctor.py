"""`gate doctor`: each fault made for real, found by its id, and silent where all is well."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from gate_server.errors import ConfigError
from gate_server.lakefs.client import LakeFS
from gate_server.parts import read_policy
from gate_server.settings import Settings
from gate_server.setup.doctor import Finding, Ground, Place, diagnose
from gate_server.setup.doctor.finding import exit_code
from gate_server.setup.doctor.table import KNOWN
from gate_server.setup.gate_files import GUARDS, PRE_MERGE, gate_files
from gate_server.store.database import downgrade, open_engine
from gate_server.store.store import open_store
from gate_server.workers.child import LintTask
from gate_server.workers.runner import Runner
from local_lakefs.testing import RunningServer, lakefs_server
from tests.contract.harness import Lakefs, Repository
from tests.contract.webhooks import receiver
from tests.e2e.harness import GOOD, HOOK_ENVIRONMENT, ROOT, Gate, World, free_port, running_gate, until
from tests.e2e.proxy import Exchange, headers_of, proxy_before

OF_A_BRANCH = {id for id in KNOWN if id.startswith("D2")}


POLICY = """version: 1
rules:
  - name: five
    branches: [{branch}]
    paths: ["{path}"]
    suite: five_columns
    format: {{type: csv, header: false}}
"""


def written(folder: Path, **words: str) -> Path:
    """Write a policy with one rule, and return its file."""
    shutil.copytree(ROOT / "expectations" / "suites", folder / "suites", dirs_exist_ok=True)
    file = folder / "gate.yaml"
    file.write_text(POLICY.format(**{"branch": "main", "path": "*.csv", **words}))
    return file


@dataclass
class Bench:
    """A lakeFS, a gate on it, and repositories whose main holds what a test wants."""

    server: RunningServer
    gate: Gate
    policy: Path

    def settings(self, **changed: Any) -> Settings:
        """Return the gate's own settings, but for what is changed."""
        given = {"database_url": self.gate.database_url, "public_url": self.gate.url, "policy": self.policy}
        return Settings(**{**given, "data_dir": Path(self.gate.environment["GATE_DATA_DIR"]), **changed})

    def connect(self, timeout_s: float = 30.0, url: str = "") -> LakeFS:
        """Return the lakeFS, or what stands before it."""
        keys = self.server.access_key_id, self.server.secret_access_key
        return LakeFS(url or self.server.url, *keys, timeout_s=timeout_s, reads_tried=1)

    def ground(self, *, tries: bool = True, url: str = "", **changed: Any) -> Ground:
        """Return what the doctor looks at; the suites' own lint takes a child, so another test has it."""
        settings = self.settings(**changed)
        return Ground(
            settings,
            lambda timeout_s: self.connect(timeout_s, url),
            lambda: read_policy(settings.policy, settings.policy_in_repository),
            lambda uses: [()] * len(uses),
            tries,
        )

    def main(
        self,
        *,
        gate_url: str = "",
        lua: bool = False,
        own: Mapping[str, bytes] | None = None,
        **files: bytes | None,
    ) -> Place:
        """Make a main with the gate's files as they are installed, but for those given (None: without it)."""
        world = World(self.server)
        names = {"action": PRE_MERGE, "guards": GUARDS}
        installed = gate_files("main", gate_url or self.gate.url, lua=lua, allow_plain_revert=False)
        content: dict[str, bytes | None] = {path: text.encode() for path, text in installed.items()}
        content |= own or {}
        content |= {"lakefs_test.csv": GOOD, **{names[name]: value for name, value in files.items()}}
        # On another branch, then main put there: the guards refuse a commit to main, and nobody is asked.
        built = world.repository.branch("built").create("main")
        world.commit(built, {path: value for path, value in content.items() if value is not None})
        repository = self.repository(Place(world.name, "main"))
        moved = repository.request("PUT", "branches", "main", "hard_reset", params={"ref": "built"})
        assert moved.is_success, moved.text
        built.delete()
        repository.protect("main")
        return Place(world.name, "main")

    def repository(self, place: Place) -> Repository:
        """Return a place's repository by plain HTTP."""
        server = self.server
        return Repository(
            Lakefs("", server.url, server.access_key_id, server.secret_access_key), place.repository
        )

    def left(self, place: Place) -> list[str]:
        """Return the branches that the doctor left."""
        every = self.repository(place).pages("branches", show_hidden=True)
        return [branch["id"] for branch in every if branch["id"] != "main"]


@pytest.fixture(scope="module")
def bench(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Give a gate of its own: what others installed would be looked at as well."""
    with running_gate(server.environment, tmp_path_factory.mktemp("gate")) as gate:
        until(lambda: gate.api.get("/readyz").status_code == 200)
        yield Bench(server, gate, written(tmp_path_factory.mktemp("policy")))


@pytest.fixture(scope="module")
def sound(bench: Bench) -> Place:
    """Give a branch that nothing is wrong with."""
    return bench.main()


def findings_of(ground: Ground, *places: Place) -> dict[str, Finding]:
    """Return the findings by id: each id of the table once, whatever is wrong."""
    every = list(diagnose(ground, places))
    by_id = {finding.id: finding for finding in every}
    assert len(by_id) == len(every)
    assert set(by_id) == (set(KNOWN) if places else set(KNOWN) - OF_A_BRANCH)
    return by_id


def states(findings: Mapping[str, Finding], state: str) -> set[str]:
    return {id for id, finding in findings.items() if finding.state == state}


def only_fault(findings: Mapping[str, Finding], id: str) -> Finding:
    """Return the finding of `id`, which has to be all that was found."""
    assert states(findings, "found") == {id}, findings
    assert findings[id].fix
    return findings[id]


# -- all is well ------------------------------------------------------------------------------------------


def test_it_is_silent_where_all_is_well(bench: Bench, sound: Place) -> None:
    findings = findings_of(bench.ground(), sound)
    assert states(findings, "found") == states(findings, "could not look") == set()
    assert states(findings, "nothing to look at") <= {"D208", "D212", "D215"}
    assert exit_code(findings.values()) == 0
    assert bench.left(sound) == []


def test_by_lua_as_well(bench: Bench) -> None:
    findings = findings_of(bench.ground(), place := bench.main(lua=True))
    assert states(findings, "found") == states(findings, "could not look") == set()
    assert findings["D208"].state == "fine"
    assert bench.left(place) == []


def test_the_command_tells_people_and_machines(bench: Bench, sound: Place) -> None:
    gate = bench.gate
    done = gate.run("doctor", str(sound), GATE_POLICY=str(bench.policy))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"D205 {sound}: lakeFS called {gate.url}, and the gate answered" in done.stdout
    told = gate.run("doctor", str(sound), "--json", GATE_POLICY="no-such-file.yaml")
    assert told.returncode == 1
    body = json.loads(told.stdout)
    assert body["ok"] is False
    by_id = {item["id"]: item for item in body["findings"]}
    assert (by_id["D301"]["state"], by_id["D301"]["fix"]) == ("found", "gate suites lint")
    assert by_id["D213"]["state"] == by_id["D214"]["state"] == "could not look"


def test_a_branch_that_is_not_there_is_wrong_usage(bench: Bench, sound: Place) -> None:
    done = bench.gate.run("doctor", f"lakefs://{sound.repository}/mian")
    assert (done.returncode, f"did you mean {sound}?" in done.stderr) == (2, True), done.stdout + done.stderr


def test_without_a_name_it_looks_at_what_the_gate_was_installed_on(bench: Bench, tmp_path: Path) -> None:
    place = bench.main()
    database = f"sqlite:///{tmp_path}/gate.db"
    open_store(database).installations.record(place.repository, "main", {}, "0" * 64)
    ids = {
        finding.id for finding in diagnose(bench.ground(database_url=database)) if finding.where == str(place)
    }
    assert ids == OF_A_BRANCH


def test_what_is_not_tried_is_not_called_fine(bench: Bench, sound: Place) -> None:
    findings = findings_of(bench.ground(tries=False), sound)
    tried = {"D201", "D205", "D206", "D207", "D208", "D209", "D210", "D211"}
    assert states(findings, "could not look") == tried
    assert exit_code(findings.values()) == 3
    assert all("--read-only" in findings[id].saw for id in tried)


# -- lakeFS -----------------------------------------------------------------------------------------------


def test_a_lakefs_that_does_not_answer_leaves_all_else_unseen(bench: Bench, sound: Place) -> None:
    findings = findings_of(bench.ground(url=f"http://127.0.0.1:{free_port()}"), sound)
    only_fault(findings, "D101")
    assert states(findings, "could not look") >= {"D102", "D103"} | OF_A_BRANCH - {"D212", "D213", "D215"}


def test_a_lakefs_that_is_not_set_is_told(bench: Bench) -> None:
    def connect(timeout_s: float) -> LakeFS:
        raise ConfigError("lakeFS is not set: LAKECTL_SERVER_ENDPOINT_URL missing")

    ground = bench.ground()
    findings = findings_of(Ground(ground.settings, connect, ground.read_policy, ground.lint))
    assert "LAKECTL_SERVER_ENDPOINT_URL" in only_fault(findings, "D101").saw


def test_wrong_keys_are_told(bench: Bench, sound: Place) -> None:
    ground = bench.ground()
    wrong = Ground(
        ground.settings,
        lambda timeout_s: LakeFS(bench.server.url, "AKIA", "wrong", timeout_s=timeout_s),
        ground.read_policy,
        ground.lint,
    )
    findings = findings_of(wrong, sound)
    only_fault(findings, "D102")
    assert findings["D101"].state == "fine"


def test_a_right_that_lacks_is_named(bench: Bench, sound: Place) -> None:
    """The embedded lakeFS knows one user, who may do all: what stands before it refuses as lakeFS does."""

    def treat(exchange: Exchange) -> None:
        if "/actions/runs" in exchange.path:
            body = json.dumps({"message": "insufficient permissions"}).encode()
            exchange.answer(401, body, {"Content-Type": "application/json"})
        else:
            exchange.pass_on()

    with proxy_before(bench.server.url, treat) as url:
        findings = findings_of(bench.ground(url=url), sound)
    assert only_fault(findings, "D201").saw == "refused: ci:ReadAction"
    # Who refused the canary stands in the run's output alone: nothing is concluded without.
    assert states(findings, "could not look") == {"D205", "D206", "D207", "D209"}
    assert bench.left(sound) == []


def test_a_clock_that_is_wrong_is_told(bench: Bench) -> None:
    def treat(exchange: Exchange) -> None:
        answer = exchange.asked()
        headers = headers_of(answer)
        said = parsedate_to_datetime(headers.pop("date"))
        headers["Date"] = format_datetime(said - timedelta(minutes=5), usegmt=True)
        exchange._handler.send_response_only(answer.status_code)
        for name, value in {**headers, "Content-Length": str(len(answer.content))}.items():
            exchange._handler.send_header(name, value)
        exchange._handler.end_headers()
        exchange.go_on(answer.content)

    with proxy_before(bench.server.url, treat) as url:
        findings = findings_of(bench.ground(url=url))
    assert "behind this machine" in only_fault(findings, "D103").saw
    assert exit_code(findings.values()) == 0


# -- the branch -------------------------------------------------------------------------------------------


def test_an_unprotected_branch_is_told(bench: Bench) -> None:
    place = bench.main()
    rules = bench.repository(place).request("PUT", "settings", "branch_protection", json=[])
    assert rules.is_success
    finding = only_fault(findings_of(bench.ground(), place), "D202")
    assert finding.fix == f"gate install {place}"


def test_a_missing_action_is_told_and_nothing_of_the_gate_is_believed(bench: Bench) -> None:
    findings = findings_of(bench.ground(), bench.main(action=None))
    only_fault(findings, "D203")
    assert states(findings, "could not look") == {"D204", "D205", "D206", "D207", "D208", "D209"}


def test_an_action_that_differs_is_told(bench: Bench) -> None:
    own = gate_files("main", bench.gate.url, lua=False, allow_plain_revert=False)[PRE_MERGE]
    place = bench.main(action=own.replace("timeout: 60s", "timeout: 10s").encode())
    assert PRE_MERGE in only_fault(findings_of(bench.ground(), place), "D204").saw


def test_an_action_that_asks_another_address_is_told(bench: Bench, sound: Place) -> None:
    findings = findings_of(bench.ground(public_url="https://gate.example.org"), sound)
    assert "https://gate.example.org" in only_fault(findings, "D204").saw


@pytest.mark.parametrize("lua", [False, True], ids=["webhook", "Lua"])
def test_a_gate_that_lakefs_does_not_reach_is_told(bench: Bench, lua: bool) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    findings = findings_of(bench.ground(public_url=nobody), place := bench.main(gate_url=nobody, lua=lua))
    only_fault(findings, "D205")
    assert states(findings, "could not look") >= {"D206", "D207", "D209"}
    assert bench.left(place) == []


@pytest.fixture(scope="module")
def bare(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Give a lakeFS that has no token for the gate, and lets no Lua hook call."""
    with lakefs_server(tmp_path_factory.mktemp("bare")) as running:
        yield Bench(running, bench.gate, written(tmp_path_factory.mktemp("policy")))


def test_a_lakefs_without_the_token_is_told(bare: Bench) -> None:
    findings = findings_of(bare.ground(), bare.main())
    finding = only_fault(findings, "D206")
    assert "LAKEFSACTION_GATE_TOKEN" in finding.fix


def test_another_token_is_told(server: RunningServer, tmp_path: Path) -> None:
    with running_gate(server.environment, tmp_path, GATE_HOOK_TOKEN="another") as other:
        bench = Bench(server, other, written(tmp_path / "policy"))
        until(lambda: other.api.get("/readyz").status_code == 200)
        findings = findings_of(bench.ground(), bench.main())
    only_fault(findings, "D207")
    assert findings["D205"].state == findings["D206"].state == "fine"


def test_lua_without_http_is_told(bench: Bench, tmp_path: Path) -> None:
    with lakefs_server(tmp_path, HOOK_ENVIRONMENT) as running:
        other = Bench(running, bench.gate, written(tmp_path / "policy"))
        finding = only_fault(findings_of(other.ground(), other.main(lua=True)), "D208")
    assert "actions.lua.net_http_enabled" in finding.fix


def test_something_else_in_the_gates_place_is_told(bench: Bench) -> None:
    with receiver() as receiving:
        endpoint = receiving.endpoint()
        receiving.endpoints[endpoint.url.removeprefix(receiving.base_url) + "/hooks/lakefs"] = endpoint
        findings = findings_of(bench.ground(public_url=endpoint.url), bench.main(gate_url=endpoint.url))
    only_fault(findings, "D209")
    assert states(findings, "could not look") == {"D205", "D206", "D207", "D208"}


def test_missing_guards_are_told(bench: Bench) -> None:
    findings = findings_of(bench.ground(), bench.main(guards=None))
    assert states(findings, "found") == {"D204", "D210", "D211"}


def test_checks_that_outlast_the_merge_are_told(bench: Bench) -> None:
    place = bench.main()
    bench.repository(place).create_branch("more")
    bench.repository(place).commit_files("more", {"lakefs_test_more.csv": GOOD})
    assert bench.gate.ask(place.repository, "more")["verdict"] == "PASS"
    assert findings_of(bench.ground(), place)["D212"].state == "fine"
    finding = findings_of(bench.ground(wait_s=0.000001), place)["D212"]
    assert (finding.state, finding.level) == ("found", "advice")
    assert "--lua --max-wait" in finding.fix
    assert findings_of(bench.ground(wait_s=60), place)["D212"].state == "found"


def test_a_branch_that_no_rule_is_for_is_told(bench: Bench, sound: Place, tmp_path: Path) -> None:
    findings = findings_of(bench.ground(policy=written(tmp_path, branch="release")), sound)
    assert only_fault(findings, "D213").level == "fault"


def test_a_rule_that_matches_nothing_is_told(
    bench: Bench, sound: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert findings_of(bench.ground(policy=written(tmp_path)), sound)["D214"].state == "fine"
    findings = findings_of(bench.ground(policy=written(tmp_path, path="lakefs_*.tsv")), sound)
    assert "five" in only_fault(findings, "D214").saw
    monkeypatch.setattr("gate_server.setup.matching.MOST_OBJECTS", 0)
    assert findings_of(bench.ground(policy=written(tmp_path)), sound)["D214"].state == "could not look"


def test_the_repositorys_own_policy_is_looked_at(bench: Bench, tmp_path: Path) -> None:
    theirs, suite = "_theirs/gate.yaml", "_theirs/suites/five_columns.json"
    text = written(tmp_path).read_bytes()
    place = bench.main(own={theirs: text, suite: (tmp_path / "suites" / "five_columns.json").read_bytes()})
    # The operator's has no rule for it, theirs has.
    settings = {"policy": written(tmp_path, branch="release"), "policy_in_repository": theirs}
    findings = findings_of(bench.ground(**settings), place)
    assert states(findings, "found") == states(findings, "could not look") == set()
    assert findings["D213"].saw == "for it: five"
    wrong = bench.main(own={theirs: text})
    findings = findings_of(bench.ground(**settings), wrong)
    assert "five_columns" in only_fault(findings, "D215").saw
    assert states(findings, "could not look") == {"D213", "D214"}


# -- the gate ---------------------------------------------------------------------------------------------


def test_a_suite_that_lints_badly_is_told(bench: Bench, tmp_path: Path) -> None:
    file = written(tmp_path)
    suite = {"name": "five_columns", "expectations": [{"type": "expect_no_such_thing", "kwargs": {}}]}
    (file.parent / "suites" / "five_columns.json").write_text(json.dumps(suite))
    ground = bench.ground(policy=file)
    lint = Runner(None).lint
    findings = findings_of(
        Ground(
            ground.settings,
            ground.connect,
            ground.read_policy,
            lambda uses: lint([LintTask(*use) for use in uses]),
        )
    )
    assert "expect_no_such_thing" in only_fault(findings, "D301").saw


def test_a_database_that_is_not_there_is_told_and_not_made(
    bench: Bench, sound: Place, tmp_path: Path
) -> None:
    file = tmp_path / "gate.db"
    findings = findings_of(bench.ground(database_url=f"sqlite:///{file}"), sound)
    only_fault(findings, "D302")
    assert states(findings, "could not look") == {"D303", "D304", "D305", "D212"}
    assert not file.exists()
    away = f"postgresql+psycopg://gate:secret@127.0.0.1:{free_port()}/gate"
    finding = only_fault(findings_of(bench.ground(database_url=away)), "D302")
    assert "secret" not in finding.saw + finding.where


def test_a_database_of_another_version_is_told(bench: Bench, sound: Place, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/gate.db"
    open_store(database).engine.dispose()
    downgrade(open_engine(database), "-1")
    findings = findings_of(bench.ground(database_url=database), sound)
    assert "gate db upgrade" in only_fault(findings, "D303").fix
    assert states(findings, "could not look") == {"D304", "D305", "D212"}


def test_a_database_without_a_worker_is_told(bench: Bench, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/gate.db"
    open_store(database).engine.dispose()
    only_fault(findings_of(bench.ground(database_url=database)), "D305")


def test_a_machine_whose_clock_is_not_the_databases_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gate_server.setup.doctor import of_lakefs

    here = of_lakefs.now
    monkeypatch.setattr(of_lakefs, "now", lambda: here() + timedelta(minutes=2))
    findings = findings_of(bench.ground())
    assert states(findings, "found") == {"D103", "D304"}
    assert "behind this machine" in findings["D304"].saw


def test_a_disk_that_is_nearly_full_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """No disk can be filled here: what the system says of it is the edge of the world."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12 - 10**8, 10**8))
    finding = only_fault(findings_of(bench.ground()), "D306")
    assert tempfile.gettempdir() in finding.where


def test_the_documentation_is_the_table() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gate_server.setup.doctor"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert (ROOT / "docs" / "doctor.md").read_text() == done.stdout, (
        "make it anew: .venv/bin/python -m gate_server.setup.doctor > docs/doctor.md"
    )
    assert all(f"| {id} |" in done.stdout for id in KNOWN)
