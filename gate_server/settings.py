"""The gate's settings: `GATE_*` (or `GATE_*_FILE` for secrets), `gate.toml`, and lakectl's own for lakeFS.

Unknown names are errors: a typo must not leave a protection off.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
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


class Settings(BaseSettings):
    """Read once, then frozen.

    Parameters
    ----------
    policy
        Path of gate.yaml.
    data_dir
        Where the gate keeps its SQLite database and temporary files.
    database_url
        SQLAlchemy's form; SQLite in `data_dir` when not set.
    hook_token
        Opens ``/hooks/lakefs`` and nothing else (D9).
    api_token
        Opens the rest.
    public_url
        Under which people and lakeFS reach the gate; stands in reports' addresses.
    wait_s
        How long a hook waits for its check; below the action's ``timeout``.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        toml_file=TOML,
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=False,
    )

    policy: Path = Path("expectations/gate.yaml")
    data_dir: Path = Path(".gate")
    database_url: str = ""
    hook_token: SecretStr | None = None
    api_token: SecretStr | None = None
    public_url: str = ""
    url: str = ""
    wait_s: Annotated[float, Field(gt=0, le=3600)] = 50.0
    max_waiting: Annotated[int, Field(gt=0)] = 24
    threads: Annotated[int, Field(gt=1)] = 32
    lakefs_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"

    @property
    def database(self) -> str:
        """The database's address."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'gate.db').resolve()}"

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
