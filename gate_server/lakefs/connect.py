"""lakeFS's address and keys as lakectl finds them (K1): the environment, else ~/.lakectl.yaml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gate_server.errors import ConfigError
from gate_server.lakefs.client import WHAT_TO_SET, LakeFS
from gate_server.telemetry import metrics, traces

_ENVIRONMENT = {
    "endpoint_url": "LAKECTL_SERVER_ENDPOINT_URL",
    "access_key_id": "LAKECTL_CREDENTIALS_ACCESS_KEY_ID",
    "secret_access_key": "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY",
}


def lakectl_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return ``endpoint_url``, ``access_key_id`` and ``secret_access_key``.

    Raises
    ------
    ConfigError
        When one of the three is nowhere set, or the file is not lakectl's.
    """
    path = Path(environ.get("LAKECTL_CONFIG_FILE", "~/.lakectl.yaml")).expanduser()
    found: dict[str, str] = {}
    if path.is_file():
        try:
            document = YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}
            server, keys = document.get("server") or {}, document.get("credentials") or {}
            found = {
                name: str(part[name]) for part in (server, keys) for name in _ENVIRONMENT if part.get(name)
            }
        except (OSError, YAMLError, AttributeError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{path} cannot be read as lakectl's configuration ({type(error).__name__})"
            ) from error
    found |= {name: environ[key] for name, key in _ENVIRONMENT.items() if environ.get(key)}
    missing = [key for name, key in _ENVIRONMENT.items() if not found.get(name)]
    if missing:
        raise ConfigError(f"lakeFS is not set: {', '.join(missing)} missing", WHAT_TO_SET)
    return found


def connect(*, timeout_s: float = 30.0, environ: Mapping[str, str] = os.environ) -> LakeFS:
    """Return the lakeFS that lakectl's settings name."""
    found = lakectl_settings(environ)
    return LakeFS(
        found["endpoint_url"],
        found["access_key_id"],
        found["secret_access_key"],
        timeout_s=timeout_s,
        on_call=_called,
    )


def _called(method: str, path: str, status: int, duration_s: float) -> None:
    metrics.lakefs_called(method, status, duration_s)
    traces.lakefs_called(method, path, status, duration_s)
