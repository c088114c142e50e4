"""The example with Spark: steps on branches of their own, and what the gate makes of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from prefect.cli.deploy._models import PrefectYamlModel
from ruamel.yaml import YAML

from gate_client import GateRefused
from gate_client.prefect import GateCredentials, LakeFSCredentials
from local_lakefs.testing import RunningServer
from tests.e2e.harness import API_TOKEN, ROOT, Gate, World, running_gate
from tests.prefect.harness import PrefectServer
from tests.spark.harness import local_spark

EXAMPLE = ROOT / "examples" / "spark"


@pytest.fixture(scope="module")
def gate(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give a gate with the example's policy."""
    policy = str(EXAMPLE / "policy" / "gate.yaml")
    with running_gate(server.environment, tmp_path_factory.mktemp("gate"), GATE_POLICY=policy) as running:
        yield running


@pytest.fixture
def pipeline(
    prefect_server: PrefectServer,
    server: RunningServer,
    gate: Gate,
    lakefs: LakeFSCredentials,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ModuleType]:
    """Give the example's module, with its blocks stored, and a main that the gate stands before."""
    done = gate.run("install", world.uri())
    assert done.returncode == 0, done.stdout + done.stderr
    lakefs.save("lake", overwrite=True)
    GateCredentials(url=gate.url, token=API_TOKEN).save("gate", overwrite=True)
    defaults = "".join(f"{name} {value}\n" for name, value in local_spark(tmp_path).items())
    (tmp_path / "spark-defaults.conf").write_text(defaults)
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    monkeypatch.setenv("LAKEFS_REPOSITORY", world.name)
    monkeypatch.delitem(sys.modules, "examples.spark.pipeline", raising=False)
    import examples.spark.pipeline

    yield examples.spark.pipeline
    examples.spark.pipeline.spark().stop()


def ids(pipeline: ModuleType, world: World, ref: str = "main") -> list[int]:
    table = pipeline.spark().read.parquet(f"s3a://{world.name}/{ref}/numbers/")
    return sorted(row.id for row in table.collect())


def test_steps_of_spark_are_promoted_or_left_to_be_looked_at(pipeline: ModuleType, world: World) -> None:
    pipeline.isolated_numbers(file="lakefs_test.csv")
    assert ids(pipeline, world) == [1, 6, 11]
    assert [branch.id for branch in world.repository.branches()] == ["main"]
    assert not [path for path in world.contents("main") if path.startswith("landing/")]
    head = world.main.get_commit()

    # The same file once more: right as a step, wrong as a table. Its branch shows what would have come.
    with pytest.raises(GateRefused, match="not unique"):
        pipeline.isolated_numbers(file="lakefs_test.csv")
    (refused,) = [branch.id for branch in world.repository.branches() if branch.id != "main"]
    assert ids(pipeline, world, refused) == [1, 1, 6, 6, 11, 11]
    assert world.main.get_commit().id == head.id

    # A column is missing: the step fails, both of its tries, and their branches hold the file as it came.
    with pytest.raises(Exception, match="_c4"):
        pipeline.isolated_numbers(file="lakefs_test_latest_file.csv")
    left = [branch.id for branch in world.repository.branches() if "-append" in branch.id]
    assert len(left) == 2
    assert "landing/lakefs_test_latest_file.csv" in world.contents(left[0])
    assert world.main.get_commit().id == head.id


def test_its_deployment_is_of_prefects_form() -> None:
    model = PrefectYamlModel.model_validate(YAML(typ="safe").load(EXAMPLE / "prefect.yaml"))
    (deployment,) = model.deployments
    file, _, name = str(deployment.entrypoint).partition(":")
    assert f"\n{name} = " in (EXAMPLE / file).read_text()
