"""An internet on loopback: certificates, TLS before a port, and a forward proxy that leads names to ports.

So what is tested keeps the addresses that it has in the world: `https://github.com/...` is asked of the
proxy, which leads to a server of the tests' own.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LOOPBACK = "127.0.0.1"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate and its key, as files."""

    file: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What a server presents it with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


def certificate(folder: Path, *names: str) -> Certificate:
    """Make a certificate for loopback and `names`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lakefs-gate tests")])
    now = datetime.now(UTC)
    on_names = [x509.IPAddress(ipaddress.ip_address(LOOPBACK)), *(x509.DNSName(item) for item in names)]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(on_names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    found = Certificate(folder / "certificate.pem", folder / "key.pem")
    found.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return found


@dataclass
class Proxy:
    """A forward proxy; it counts by host what was asked of it: plain requests, and tunnels by CONNECT."""

    url: str
    asked: Counter[str] = field(default_factory=Counter)
    connected: Counter[str] = field(default_factory=Counter)


@contextmanager
def forward_proxy(leads: Mapping[str, int]) -> Iterator[Proxy]:
    """Run a forward proxy (CONNECT, and plain HTTP) that knows the hosts in `leads`, by their ports here."""
    proxy = Proxy("")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        tunnel = method == "CONNECT"
        host = (target.rsplit(":", 1)[0] if tunnel else urlsplit(target).hostname) or ""
        (proxy.connected if tunnel else proxy.asked)[host] += 1
        if host not in leads:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        if tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _relay(reader, writer, leads[host], b"" if tunnel else _of_one_request(head))

    with listening(handle) as port:
        proxy.url = f"http://{LOOPBACK}:{port}"
        yield proxy


@contextmanager
def tls_before(port: int, shown: Certificate) -> Iterator[int]:
    """Serve what `port` does over TLS; give the other port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _relay(reader, writer, port, b"")

    with listening(handle, shown.context()) as other:
        yield other


@contextmanager
def listening(handle: Handler, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Call `handle` for each connection, in a thread of its own, until the block ends; give the port."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):  # the other side went: nothing more to do for it
            await handle(reader, writer)
        writer.close()

    with own_loop() as loop:
        start = asyncio.start_server(one, LOOPBACK, 0, ssl=tls)
        server = asyncio.run_coroutine_threadsafe(start, loop).result(30)
        yield server.sockets[0].getsockname()[1]
        loop.call_soon_threadsafe(server.close)


@contextmanager
def own_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Give an event loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


def _of_one_request(head: bytes) -> bytes:
    """Return the head of a plain request as its server wants it, and so that its connection ends with it."""
    first, *others = head.decode().split("\r\n")
    method, target, version = first.split(" ", 2)
    address = urlsplit(target)
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    kept = [line for line in others if not line.lower().startswith(("connection:", "proxy-"))]
    return "\r\n".join([f"{method} {path} {version}", "Connection: close", *kept]).encode()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, first: bytes) -> None:
    """Pass bytes both ways between a client and a port here, until both have ended."""
    there, back = await asyncio.open_connection(LOOPBACK, port)
    back.write(first)
    await asyncio.gather(_pump(reader, back), _pump(there, writer))
    back.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        else:  # TLS has no half of an end
            writer.close()
