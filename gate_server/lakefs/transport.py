"""httpx's requests sent by urllib3, for what is large: h11, which httpx brings, takes three times as long.

Of 241 MB over loopback httpx takes 0.26 s of a core, urllib3 0.08, and gives the GIL back meanwhile, which is
what decodes them beside it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import httpx
import urllib3
from urllib3 import exceptions

CHUNK_BYTES = 1 << 20


class BulkTransport(httpx.BaseTransport):
    """Sends requests without a body, and gives answers as they are stored. Safe to share between threads.

    Proxies are those of the environment. Nothing is tried again, and no redirect is followed.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._lock = Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, its body not yet read; raises as httpx's own transport does."""
        timeouts = request.extensions.get("timeout", {})
        with _as_httpx_says():
            answer = self._pool(request.url).request(
                request.method,
                str(request.url),
                headers=dict(request.headers),
                timeout=urllib3.Timeout(connect=timeouts.get("connect"), read=timeouts.get("read")),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        return httpx.Response(answer.status, headers=list(answer.headers.items()), stream=_Body(answer))

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()

    def _pool(self, url: httpx.URL) -> urllib3.PoolManager:
        is_direct = proxy_bypass(url.host) or proxy_bypass(url.netloc.decode("ascii"))
        proxies: Mapping[str, str] = {} if is_direct else getproxies()
        proxy = proxies.get(url.scheme) or proxies.get("all") or ""
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = _pool(proxy, self._tls)
            return self._pools[proxy]


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        # What is wrong comes as it arrives, so that who reads it can lose patience.
        read = self._answer.read1 if self._answer.status >= 300 else self._answer.read
        with _as_httpx_says():
            while chunk := read(CHUNK_BYTES):
                yield chunk

    def close(self) -> None:
        # A connection with an unread rest is of no more use; one that was read to its end has gone back.
        self._answer.close()


def _pool(proxy: str, tls: ssl.SSLContext) -> urllib3.PoolManager:
    pools: partial[Any] = partial(urllib3.PoolManager)
    if proxy:
        found = urllib3.util.parse_url(proxy if "://" in proxy else f"http://{proxy}")
        keys = urllib3.make_headers(proxy_basic_auth=unquote(found.auth)) if found.auth else None
        pools = partial(urllib3.ProxyManager, found.url, proxy_headers=keys, proxy_ssl_context=tls)
    return pools(ssl_context=tls, maxsize=32)  # type: ignore[no-any-return]


@contextmanager
def _as_httpx_says() -> Iterator[None]:
    try:
        yield
    except (exceptions.NewConnectionError, exceptions.ProxyError, exceptions.SSLError) as error:
        raise httpx.ConnectError(str(error)) from error
    except exceptions.ConnectTimeoutError as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except exceptions.ReadTimeoutError as error:
        raise httpx.ReadTimeout(str(error)) from error
    except exceptions.ProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except exceptions.HTTPError as error:
        raise httpx.TransportError(str(error)) from error
