"""Ports to listen on: free ones, and a clear word about those that are taken."""

from __future__ import annotations

import errno
import ipaddress
import socket

from gate_server.errors import ConfigError


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def usable_port(host: str, port: int) -> int:
    """Return `port`, or a free one for 0.

    Raises
    ------
    ConfigError
        When nobody can listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConfigError(f"port {port} of {host} is taken", "give another --port") from error
            raise ConfigError(f"cannot listen on {host}:{port} ({error.strerror or error})") from error
        return int(listener.getsockname()[1])
