"""The gate's settings: `GATE_*` (or `GATE_*_FILE` for secrets), `gate.toml`, and lakectl's own for lakeFS.

Unknown names are errors: a typo must not leave a protection off.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gate_server.errors import ConfigError

PREFIX = "GATE_"
TOML = "gate.toml"
# What Kubernetes injects for a service named gate: GATE_PORT=tcp://... and its kind.
_KUBERNETES = re.compile(
    r"GATE(_[A-Z0-9]+)*_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_\d+_(TCP|UDP)(_[A-Z]+)?)?)"
)
# In a folder: what lies beside it would otherwise be the repository's data.
_IN_REPOSITORY = r"^(([A-Za-z0-9_.-]+/)+[A-Za-z0-9_.-]+\.ya?ml)?$"


def _separated(value: object) -> object:
    """Return what stands between the commas of an environment's value; a list of gate.toml as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


@dataclass(frozen=True)
class SparkSettings:
    """A cluster, its settings, and where it reaches lakeFS's S3 gateway; nothing where there is none."""

    remote: str = ""
    master: str = ""
    conf: Mapping[str, str] = field(default_factory=dict, repr=False)
    s3_endpoint: str = ""


def _as_json(value: object) -> object:
    """Return a table of gate.toml as the text that the environment has; raises where that is no such text."""
    given = json.loads(value) if isinstance(value, str) and value else value or {}
    if not isinstance(given, dict) or any(isinstance(one, (dict, list)) for one in given.values()):
        raise ValueError("a mapping of Spark's settings is needed")
    texts = {name: one if isinstance(one, str) else json.dumps(one) for name, one in given.items()}
    return json.dumps(texts) if texts else None


class Settings(BaseSettings):
    """Read once, then frozen.

    Parameters
    ----------
    policy
        Path of gate.yaml.
    policy_in_repository
        Where repositories may keep a policy of their own, such as ``_lakefs_gate/gate.yaml``; its suites are
        beside it. Empty: they may not.
    data_dir
        Where the gate keeps its SQLite database and temporary files.
    database_url
        Such as ``postgresql+psycopg://gate@HOST/gate``; SQLite in `data_dir` when not set.
    hook_token
        Opens ``/hooks/lakefs`` and nothing else: a token with the role hook.
    api_token
        Opens the rest: a token with the role admin. `gate tokens` makes others.
    public_url
        Under which people and lakeFS reach the gate; stands in reports' addresses.
    lakefs_ui_url
        Under which people reach lakeFS, for the pages' links; the address that the gate itself uses when not
        set.
    url
        A running gate's address, for commands and the client that go through it.
    trusted_proxies
        How many proxies stand before the gate, whose ``X-Forwarded-For``, ``-Proto``, ``-Host`` and
        ``-Prefix`` are believed. With too many, callers choose the address they are counted under.
    tls_cert, tls_key
        PEM files, for TLS without a proxy.
    failures_per_min
        How many wrong tokens an address may send a minute; then it has to wait (429).
    wait_s
        How long a hook waits for its check; below the action's ``timeout``.
    threads
        How many requests are answered at once.
    max_waiting
        How many hooks may wait for a verdict at once, of these threads; others are sent away (503).
    lakefs_timeout_s
        How long one call to lakeFS may take, seconds.
    worker_metrics
        HOST:PORT at which `gate worker` serves its metrics, to whoever asks; off when not set. (The worker of
        `gate serve` is in that gate's ``/metrics``.)
    worker_threads
        How many checks a worker judges at once.
    lease_s
        How long a check stays a worker's without a heartbeat, seconds of the database's clock; then another
        takes it over.
    max_attempts
        How often a check is tried whose worker dies; then it is an ERROR.
    elsewhere_lease_s
        How long a check that is lent to a worker elsewhere stays its own without a heartbeat; longer than the
        gate is away when it is started again.
    elsewhere_wait_s
        For how long a check waits for a worker elsewhere; then it is an ERROR.
    lease_token
        What `gate worker --check` holds its check by; it takes a lease itself, with `api_token`, without.
    ahead_every_s
        How long after one look ahead of merges the next one comes, where the policy says ``ahead:``, seconds.
    audit_every_s
        How long after one look at the guarded branches' heads the next one comes at the latest, seconds.
    audit_reverts_per_hour
        How often an audit may put a branch back by itself; where it would more often, people have to look.
    watch_every_s
        How often the heads of watched branches are looked for.
    cache_bytes
        How much of what was read of objects may be kept on this machine, below `data_dir`, so that it is not
        read again: copies of the data, for the gate's user alone. 0 keeps nothing.
    spark_master
        Where rules with ``engine: spark`` are judged: a Spark master, such as ``spark://HOST:7077`` or
        ``local[2]``, whose driver is a process of the gate's.
    spark_remote
        The same by Spark Connect: ``sc://HOST:15002``, in place of a master.
    spark_conf
        Spark's own settings, as JSON or as a table of gate.toml: ``{"spark.executor.memory": "4g"}``. They
        may hold secrets.
    spark_s3_endpoint
        lakeFS's S3 gateway as the cluster reaches it; lakeFS's own address when not set.
    waiver_days
        The farthest end of a waiver that is made now.
    notice_targets
        Where notices may go: lines of ``NAME ADDRESS`` in apprise's form. Addresses hold passwords.
    notice_quiet_s
        How long after a notice the next one about the same thing comes at the earliest, seconds.
    notice_timeout_s
        How long sending one notice may take; then it is tried again later.
    notice_give_up_s
        How old a notice gets for which there is another attempt, seconds.
    notice_waiver_days
        How long before its end a waiver is told of.
    revert_keep
        Paths or patterns, separated by commas, that every revert leaves as they are.
    keep_days
        Checks, evaluations and states that are older go. What hooks were answered never goes, nor a check
        that answered one since.
    keep_checks, keep_evaluations
        Beyond so many the oldest go.
    log_level
        ``debug``, ``info``, ``warning`` or ``error``.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        toml_file=TOML,
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=False,
    )

    policy: Path = Path("expectations/gate.yaml")
    policy_in_repository: Annotated[str, Field(pattern=_IN_REPOSITORY)] = ""
    data_dir: Path = Path(".gate")
    database_url: str = ""
    hook_token: SecretStr | None = None
    api_token: SecretStr | None = None
    public_url: str = ""
    lakefs_ui_url: Annotated[str, Field(pattern=r"^(https?://[^\s]+)?$")] = ""
    url: str = ""
    wait_s: Annotated[float, Field(gt=0, le=3600)] = 50.0
    max_waiting: Annotated[int, Field(gt=0)] = 24
    threads: Annotated[int, Field(gt=1)] = 32
    lakefs_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    worker_metrics: Annotated[str, Field(pattern=r"^$|^(\[[0-9a-fA-F:.]+\]|[^\s:]+):\d{1,5}$")] = ""
    worker_threads: Annotated[int, Field(gt=0)] = 2
    lease_s: Annotated[float, Field(ge=1)] = 20.0
    max_attempts: Annotated[int, Field(gt=0)] = 3
    elsewhere_lease_s: Annotated[float, Field(ge=1)] = 300.0
    elsewhere_wait_s: Annotated[float, Field(gt=0)] = 3600.0
    lease_token: SecretStr | None = None
    ahead_every_s: Annotated[float, Field(gt=0)] = 10.0
    audit_every_s: Annotated[float, Field(gt=0)] = 5.0
    audit_reverts_per_hour: Annotated[int, Field(ge=0)] = 3
    watch_every_s: Annotated[float, Field(gt=0)] = 10.0
    cache_bytes: Annotated[int, Field(ge=0)] = 0
    spark_master: str = ""
    spark_remote: Annotated[str, Field(pattern=r"^(sc://[^\s]+)?$")] = ""
    spark_conf: Annotated[SecretStr | None, BeforeValidator(_as_json)] = None
    spark_s3_endpoint: Annotated[str, Field(pattern=r"^(https?://[^\s]+)?$")] = ""
    waiver_days: Annotated[float, Field(gt=0, le=366)] = 90.0
    notice_targets: SecretStr | None = None
    notice_quiet_s: Annotated[float, Field(ge=0)] = 300.0
    notice_timeout_s: Annotated[float, Field(gt=0, le=300)] = 20.0
    notice_give_up_s: Annotated[float, Field(gt=0)] = 86_400.0
    notice_waiver_days: Annotated[float, Field(gt=0, le=366)] = 3.0
    revert_keep: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_separated)] = ()
    keep_days: Annotated[float, Field(gt=0)] = 90.0
    keep_checks: Annotated[int, Field(gt=0)] = 50_000
    keep_evaluations: Annotated[int, Field(gt=0)] = 200_000
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    failures_per_min: Annotated[int, Field(gt=0)] = 20
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"

    @property
    def database(self) -> str:
        """The database's address."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'gate.db').resolve()}"

    @property
    def cache(self) -> tuple[Path, int] | None:
        """Where content is kept, and how many bytes; None for nowhere."""
        return ((self.data_dir / "cache").resolve(), self.cache_bytes) if self.cache_bytes else None

    @property
    def spark(self) -> SparkSettings:
        """Where rules with ``engine: spark`` are judged."""
        conf = json.loads(secret(self.spark_conf) or "{}")
        return SparkSettings(self.spark_remote, self.spark_master, conf, self.spark_s3_endpoint)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments before the environment before gate.toml."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def secret(setting: SecretStr | None) -> str:
    """Return a secret's text, empty where it is not set."""
    return setting.get_secret_value() if setting else ""


def read_settings(environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Return the settings.

    Parameters
    ----------
    environ
        In place of the process's environment, for looking up ``*_FILE`` names and typos.
    given
        Settings that win over all else.

    Raises
    ------
    ConfigError
        Naming each setting that is unknown or wrong, without its value.
    """
    environ = os.environ if environ is None else environ
    known = set(Settings.model_fields)
    unknown = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name.startswith("GATE_TEST_") or _KUBERNETES.fullmatch(name):
            continue
        field = name.removeprefix(PREFIX).lower()
        if field in known:
            continue
        if field.endswith("_file") and field.removesuffix("_file") in known:
            given.setdefault(field.removesuffix("_file"), _secret(name, environ[name]))
        else:
            unknown.append(name)
    if unknown:
        valid = ", ".join(sorted(PREFIX + field.upper() for field in known))
        raise ConfigError(f"unknown setting {', '.join(unknown)}", f"valid are {valid}, each also with _FILE")
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(
            f"{PREFIX}{'_'.join(str(step) for step in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        )
        raise ConfigError(f"settings are wrong: {wrong}") from error


def _secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{name}: cannot read {path} ({error.strerror})") from error
