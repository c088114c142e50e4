"""The server without HTTP: one directory with everything that it keeps."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from local_lakefs.actions import ActionsService
from local_lakefs.errors import BadRequest
from local_lakefs.imports import Imports
from local_lakefs.storage.database import Database
from local_lakefs.storage.objects import ObjectFiles
from local_lakefs.versioning.hooks import Hooks
from local_lakefs.versioning.repositories import Repositories, Repository

USERNAME = "admin"
ACCESS_KEY_VARIABLE = "LAKECTL_CREDENTIALS_ACCESS_KEY_ID"
SECRET_KEY_VARIABLE = "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"  # noqa: S105 - a name, not a secret
LINK_LIFETIME_S = 6 * 3600
LOCK_WAIT_S = 20.0


@dataclass(frozen=True)
class Credentials:
    access_key_id: str
    secret_access_key: str

    def admit(self, access_key_id: str, secret_access_key: str) -> bool:
        return hmac.compare_digest(
            f"{access_key_id}:{secret_access_key}".encode(),
            f"{self.access_key_id}:{self.secret_access_key}".encode(),
        )


class LocalLakeFS:
    """All parts of an embedded lakeFS that lives in ``directory``.

    Parameters
    ----------
    directory : Path
        Made when it is not there.
    env : Mapping
        The keys of the server (``LAKECTL_CREDENTIALS_*``), and what hooks may read (``LAKEFSACTION_*``).
    allow_lua_http : bool
        Whether Lua hooks may use ``net/http``, as lakeFS's ``actions.lua.net_http_enabled``.
    import_from : tuple of Path
        Folders whose files may be imported, as lakeFS's ``blockstore.local.allowed_external_prefixes``.

    Raises
    ------
    RuntimeError
        Another server uses the directory.
    """

    def __init__(
        self,
        directory: Path,
        env: Mapping[str, str],
        *,
        allow_lua_http: bool = False,
        import_from: tuple[Path, ...] = (),
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(directory)
        self.credentials = load_credentials(directory, env)
        database = Database(directory / "lakefs.db")
        external = tuple(folder.resolve() for folder in import_from)
        self.objects = ObjectFiles(directory / "objects", external)
        self.repositories = Repositories(
            database, str(directory.resolve() / "objects"), tuple(str(folder) for folder in external)
        )
        self.actions = ActionsService(directory / "actions.db", env, lua_http=allow_lua_http)
        self.hooks = Hooks(self.actions, self.objects, USERNAME)
        self.imports = Imports(self.objects, self.hooks)
        self._addresses = _Addresses()

    def close(self) -> None:
        """End what runs for hooks."""
        self.actions.close()
        self._lock.close()

    def new_address(self) -> str:
        """Return a new address for data, relative to a storage namespace."""
        return self._addresses.new()

    def link_address(self, repository: Repository, branch: str, path: str) -> str:
        """Return a new relative address that only this repository, branch and path may link."""
        address = f"{self.new_address()}-{int(time.time())}"
        return f"{address},{self._signature(repository, branch, path, address)}"

    def check_link_address(self, repository: Repository, branch: str, path: str, signed: str) -> None:
        """Refuse (BadRequest) an address that was not given out for this path, or too long ago."""
        address, comma, signature = signed.rpartition(",")
        if not comma:
            raise BadRequest("address is not signed: link address invalid")
        if not hmac.compare_digest(signature, self._signature(repository, branch, path, address)):
            raise BadRequest("invalid address signature: invalid address")
        if time.time() - int(address.rpartition("-")[2]) > LINK_LIFETIME_S:
            raise BadRequest("link address expired")

    def _signature(self, repository: Repository, branch: str, path: str, address: str) -> str:
        text = json.dumps([repository.id, branch, path, address]).encode()
        digest = hmac.digest(self.credentials.secret_access_key.encode(), text, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _lock(directory: Path) -> IO[bytes]:
    """Hold the directory until this process ends, however it ends.

    The worker of a server that was killed needs a moment to notice it.
    """
    file = (directory / "lock").open("ab")
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except OSError as error:
            if time.monotonic() > deadline:
                file.close()
                raise RuntimeError(f"another server uses {directory}") from error
            time.sleep(0.05)


class _Addresses:
    """Unique addresses ``data/PARTITION/NAME``; later ones sort first, as in lakeFS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._partition = _backwards()
        self._count = 0

    def new(self) -> str:
        with self._lock:
            self._count += 1
            if self._count % 50_000 == 0:
                self._partition = _backwards()
            return f"data/{self._partition}/{_backwards()}"


def _backwards() -> str:
    return f"{(1 << 64) - time.time_ns():016x}{secrets.token_hex(4)}"


def load_credentials(directory: Path, env: Mapping[str, str]) -> Credentials:
    """Return the keys from the environment, else those made at the first start, kept for the owner only."""
    access_key_id, secret = env.get(ACCESS_KEY_VARIABLE), env.get(SECRET_KEY_VARIABLE)
    if access_key_id and secret:
        return Credentials(access_key_id, secret)
    path = directory / "credentials.json"
    if path.exists():
        return Credentials(**json.loads(path.read_text()))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    made = Credentials(
        "AKIAJ" + "".join(secrets.choice(alphabet) for _ in range(12)) + "Q", secrets.token_urlsafe(30)
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(made.__dict__, file)
    return made
