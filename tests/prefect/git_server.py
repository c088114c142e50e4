"""A git server on loopback, over HTTPS and SSH, that lets nobody in without the right token or key."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
from flask import Flask, Response, request
from werkzeug.serving import make_server

from tests.prefect.loopback import LOOPBACK, Certificate, own_loop

TOKEN = "the-token-itself"
# What each service takes as user and password. GitHub's token is the user's name, and no password.
LOGINS = {
    "github.com": (TOKEN, ""),
    "gitlab.example.com": ("oauth2", TOKEN),
    "bitbucket.org": ("x-token-auth", TOKEN),
}
PRIVATE = "my-team/pipelines.git"
PUBLIC = "my-team/public-pipelines.git"


@dataclass
class GitServer:
    """Repositories in `folder`; ``let_in`` and ``refused`` tell what came over HTTPS, as (host, user)."""

    folder: Path
    https_port: int = 0
    let_in: set[tuple[str, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)


def repository(folder: Path, *names: str, content: Path) -> None:
    """Make bare repositories whose branch main holds a folder's content."""
    who = ["-c", "user.name=tests", "-c", "user.email=tests@example.com"]
    work = folder / "work"
    shutil.copytree(content, work)
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "."],
        [*who, "commit", "--quiet", "-m", "flows"],
    ):
        subprocess.run(["git", *arguments], cwd=work, check=True)
    for name in names:
        subprocess.run(["git", "clone", "--quiet", "--bare", work, folder / name], check=True)


@contextmanager
def git_over_https(folder: Path, shown: Certificate) -> Iterator[GitServer]:
    """Serve the repositories in `folder` by git's own CGI program, for the logins of `LOGINS`."""
    served = GitServer(folder)
    app = Flask(__name__)

    @app.route("/<path:path>", methods=["GET", "POST"])
    def serve(path: str) -> Response:
        given = request.authorization
        user, password = (given.username or "", given.password or "") if given else ("", "")
        if not path.startswith(PUBLIC):
            seen = (request.host, user)
            if (user, password) != LOGINS.get(request.host):
                served.refused.add(seen)
                return Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})
            served.let_in.add(seen)
        return _http_backend(folder, path)

    server = make_server(LOOPBACK, 0, app, threaded=True, ssl_context=shown.context())
    served.https_port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join(30)


def _http_backend(folder: Path, path: str) -> Response:
    done = subprocess.run(
        ["git", "http-backend"],
        input=request.get_data(),
        env={
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",  # where the tests' folder is another user's
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": f"/{path}",
            "QUERY_STRING": request.query_string.decode(),
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.content_type or "",
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        },
        capture_output=True,
        check=True,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    status = headers.pop("Status", "200 OK")
    return Response(body, status=status, headers=headers)


@contextmanager
def git_over_ssh(folder: Path, allowed: asyncssh.SSHKey, host_key: asyncssh.SSHKey) -> Iterator[int]:
    """Serve the repositories over SSH to who has the allowed key; give the port."""

    async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
        asked = re.fullmatch(r"git-upload-pack '?/?([\w./-]+)'?", process.command or "")
        if asked is None:
            process.exit(1)
            return
        command = ["git", "-c", "safe.directory=*", "upload-pack", str(folder / asked.group(1))]
        pack = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        await process.redirect(stdin=pack.stdin, stdout=pack.stdout, stderr=pack.stderr)
        await process.stdout.drain()
        process.exit(await pack.wait())

    async def start() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            LOOPBACK,
            0,
            server_host_keys=[host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(allowed.export_public_key().decode()),
            process_factory=serve,
            encoding=None,
        )

    with own_loop() as loop:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(30).get_port()


def ssh_command(folder: Path, port: int, host_key: asyncssh.SSHKey, key: asyncssh.SSHKey) -> str:
    """Return the GIT_SSH_COMMAND of a worker that has a key, knows the host, and finds it at `port`."""
    private, hosts, config = folder / "id", folder / "known_hosts", folder / "config"
    private.touch(mode=0o600)
    private.write_bytes(key.export_private_key())
    hosts.write_text(f"github.com {host_key.export_public_key().decode()}")
    config.write_text(
        f"Host github.com\n HostName {LOOPBACK}\n Port {port}\n HostKeyAlias github.com\n"
        f" IdentityFile {private}\n IdentitiesOnly yes\n UserKnownHostsFile {hosts}\n"
        " StrictHostKeyChecking yes\n BatchMode yes\n"
    )
    return shlex.join(["ssh", "-F", str(config)])
