"""What `deploy/` holds, by the schemas and linters of those whose formats it is written in.

No container engine is needed: what the files start is started by tests/e2e/test_deployment.py.
"""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import click
import jsonschema
import kubernetes_validate
import pytest
import yaml

from gate_server.cli.main import cli
from gate_server.settings import read_settings

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
KUBERNETES = "1.34"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
ONCE = {"migrate", "bucket", "seed", "prefect-seed"}
OURS = {name for name, service in SERVICES.items() if service["image"].startswith("lakefs-gate:")}
WANTED = re.compile(r"\$\{(\w+):\?\}")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            yield f"{file.name}:{document['kind']}/{document['metadata']['name']}", document


MANIFESTS = dict(manifests())
PODS = {
    name: document["spec"]["template"]["spec"]
    for name, document in MANIFESTS.items()
    if document["kind"] in ("Deployment", "Job")
}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield each command of `gate` that something here starts."""
    for name in sorted(OURS):
        yield f"compose {name}", SERVICES[name]["command"]
    for name, pod in PODS.items():
        for container in pod["containers"]:
            yield name, container["args"]
    for unit in UNITS:
        found = re.search(r"^ExecStart=\S+/gate (.+)$", unit.read_text(), re.MULTILINE)
        assert found
        yield unit.name, found.group(1).split()


@pytest.mark.parametrize("file", ["Dockerfile", "deploy/workbench.Dockerfile"])
def test_dockerfiles_pass_hadolint(file: str) -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, file], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_gates_image_runs_without_rights_and_says_how_it_is() -> None:
    text = (ROOT / "Dockerfile").read_text()
    last = text.rpartition("\nFROM ")[2]
    assert text.count("\nFROM ") == 2
    assert re.search(r"^USER 10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "org.opencontainers.image.title" in last


@pytest.mark.parametrize("file", ["Dockerfile", "deploy/workbench.Dockerfile"])
def test_what_dockerfiles_copy_is_there_and_in_the_context(file: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / file).read_text(), re.MULTILINE):
        for source in [word for word in line.split() if not word.startswith("--")][:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, source


def test_compose_keeps_to_the_specification() -> None:
    schema = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(COMPOSE, json.loads(schema.read_text()))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_and_its_health_is_known(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":[A-Za-z0-9.-]*\d{2,}|:\d+\.\d+", service["image"]), "an image without a version"
    assert all(port.startswith("${BIND:-127.0.0.1}:") for port in service.get("ports", ()))
    # The gate's image has its own.
    assert ("healthcheck" in service) == (name not in ONCE | {"gate"})
    for other, how in service.get("depends_on", {}).items():
        after = "service_completed_successfully" if other in ONCE else "service_healthy"
        assert how["condition"] == after, other
        is_there = set(SERVICES[other].get("profiles", ())) <= set(service.get("profiles", ()))
        assert is_there or how.get("required") is False, f"{other} is in another profile"


def make_secrets(file: Path) -> dict[str, str]:
    """Run the script, and return what it made."""
    subprocess.run(["sh", DEPLOY / "secrets.sh", file], check=True)
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if not line.startswith("#"))


def test_no_secret_ships_and_each_that_is_wanted_is_made(tmp_path: Path) -> None:
    made = make_secrets(tmp_path / "env")
    assert set(made) == set(WANTED.findall((DEPLOY / "compose.yaml").read_text()))
    assert all(len(value) >= 20 for value in made.values())
    assert not set(made.values()) & set(make_secrets(tmp_path / "other").values())
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if name.endswith(("TOKEN", "PASSWORD", "SECRET_KEY", "SECRET_ACCESS_KEY")):
                assert WANTED.fullmatch(value), name


def test_secrets_are_readable_to_their_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    made = make_secrets(file := tmp_path / "env")
    assert file.stat().st_mode & 0o777 == 0o600
    done = subprocess.run(["sh", DEPLOY / "secrets.sh", file], check=False, capture_output=True)
    assert done.returncode != 0
    assert made["GATE_API_TOKEN"] in file.read_text()
    assert "deploy/.env" in (ROOT / ".gitignore").read_text().split()


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_keep_to_kubernetes_schemas(name: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], KUBERNETES, strict=True)


@pytest.mark.parametrize("name", PODS)
def test_pods_are_confined_and_their_limits_and_probes_are_set(name: str) -> None:
    pod = PODS[name]
    assert pod["enableServiceLinks"] is pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in pod["containers"]:
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"] is True
        assert confined["allowPrivilegeEscalation"] is False
        assert confined["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]
        assert "memory" in container["resources"]["requests"]
        if pod.get("restartPolicy") != "Never":
            assert {"startupProbe", "livenessProbe"} <= set(container)
            assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/tmp", "/var/lib/gate"}
        assert container["image"] == SERVICES["gate"]["image"]


def test_all_pods_are_under_the_network_policy() -> None:
    policy = next(item for item in MANIFESTS.values() if item["kind"] == "NetworkPolicy")
    wanted = policy["spec"]["podSelector"]["matchLabels"].items()
    workloads = [item for item in MANIFESTS.values() if item["kind"] in ("Deployment", "Job")]
    assert len(workloads) == 3
    assert all(wanted <= item["spec"]["template"]["metadata"]["labels"].items() for item in workloads)


def test_the_suites_of_the_policy_are_mounted() -> None:
    volumes = PODS["gate.yaml:Deployment/gate"]["volumes"]
    sources = next(item for item in volumes if item["name"] == "policy")["projected"]["sources"]
    mounted = {item["path"] for source in sources for item in source["configMap"].get("items", ())}
    assert mounted == {f"suites/{file.name}" for file in (ROOT / "expectations" / "suites").glob("*.json")}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_units_are_confined(unit: Path) -> None:
    """By hand: `systemd-analyze verify` and `security` (1.8, OK), where there is systemd."""
    parsed = configparser.RawConfigParser(strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(unit.read_text())
    assert set(parsed.sections()) == {"Unit", "Service", "Install"}
    service = parsed["Service"]
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "RestrictNamespaces"):
        assert service[name] == "yes", name
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["Restart"] == "always"


@pytest.mark.parametrize(("where", "arguments"), list(commands()))
def test_the_commands_are_ours(where: str, arguments: list[str]) -> None:
    """Only parsed here, by the program's own command line."""
    group: click.Command = cli
    left = list(arguments)
    parent = click.Context(cli, info_name="gate")
    while isinstance(group, click.Group):
        found = group.get_command(parent, left[0])
        assert found is not None, left[0]
        group, left = found, left[1:]
    group.make_context(where, left, parent=parent)


def test_the_settings_are_ours() -> None:
    names = {name for service in SERVICES.values() for name in service.get("environment", {})}
    names |= {
        item["name"] for pod in PODS.values() for box in pod["containers"] for item in box.get("env", ())
    }
    for unit in UNITS:
        names |= set(re.findall(r"\b(GATE_\w+)=", unit.read_text()))
    ours = {name for name in names if name.startswith("GATE_")}
    assert len(ours) >= 7
    read_settings(dict.fromkeys(ours, ""))
