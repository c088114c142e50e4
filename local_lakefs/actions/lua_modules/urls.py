"""``net/url``: URLs as Go takes them apart and puts them together."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from local_lakefs.actions.lua_modules.arguments import Arguments
from local_lakefs.actions.lua_values import CannotConvert

_SCHEME = re.compile(rb"[a-zA-Z][a-zA-Z0-9+\-.]*(?=:)")
_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2}).{0,2}", re.DOTALL)
_NOT_IN_HOST = re.compile(rb"[^a-zA-Z0-9\-_.~!$&'()*+,;=:\[\]<>\"%\x80-\xff]")
_PORT = re.compile(rb"(:[0-9]*)?")
_IN_SEGMENT = "$&+=:@"
_IN_PATH = "$&+,/:;=@"


def _unescaped(text: bytes, *, query: bool = False) -> bytes:
    wrong = _ESCAPE.search(text)
    if wrong:
        raise CannotConvert(f"invalid URL escape {_quoted(wrong.group())}")
    return unquote_to_bytes(text.replace(b"+", b" ") if query else text)


def _quoted(text: bytes) -> str:
    shown = text.decode(errors="replace").replace("\\", "\\\\").replace('"', '\\"')
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return (
        '"'
        + "".join(
            named.get(letter, f"\\x{ord(letter):02x}") if letter < " " or letter == "\x7f" else letter
            for letter in shown
        )
        + '"'
    )


def _parse(given: Arguments) -> dict[str, bytes]:
    url = given.bytes(1)
    try:
        return _taken_apart(url)
    except CannotConvert as error:
        raise CannotConvert(f"parse {_quoted(url)}: {error}") from error


def _taken_apart(url: bytes) -> dict[str, bytes]:
    rest, _, fragment = url.partition(b"#")
    if any(byte < ord(" ") or byte == 0x7F for byte in rest):
        raise CannotConvert("net/url: invalid control character in URL")
    scheme = _SCHEME.match(rest)
    if scheme:
        rest = rest[scheme.end() + 1 :]
    elif rest.startswith(b":"):
        raise CannotConvert("missing protocol scheme")
    rest, _, query = rest.partition(b"?")
    host = b""
    if not rest.startswith(b"/"):
        if scheme:
            rest = b""  # "opaque", which is no path
        elif b":" in rest.partition(b"/")[0]:
            raise CannotConvert("first path segment in URL cannot contain colon")
    elif rest.startswith(b"//") and (scheme or not rest.startswith(b"///")):
        authority, slash, rest = rest[2:].partition(b"/")
        rest = slash + rest
        host = _host(authority.rpartition(b"@")[2])
    return {
        "scheme": scheme.group().lower() if scheme else b"",
        "host": host,
        "path": _unescaped(rest),
        "query": query,
        "fragment": _unescaped(fragment),
    }


def _host(host: bytes) -> bytes:
    name, bracket, port = host.rpartition(b"]")
    if host.startswith(b"[") and not bracket:
        raise CannotConvert("missing ']' in host")
    if not bracket:
        name, colon, number = host.partition(b":")
        port = colon + number
        escapes = re.search(rb"%[0-7].?", name)
        if escapes and escapes.group() != b"%25":
            raise CannotConvert(f"invalid URL escape {_quoted(name[escapes.start() :][:3])}")
    if not _PORT.fullmatch(port):
        raise CannotConvert(f"invalid port {_quoted(port)} after host")
    wrong = _NOT_IN_HOST.search(host)
    if wrong:
        raise CannotConvert(f"invalid character {_quoted(wrong.group())} in host name")
    return _unescaped(host)


def _build(given: Arguments) -> bytes:
    """Put a URL together; a fragment becomes the path once more, which is a fault of lakeFS."""
    scheme, host = given.bytes(1), given.bytes(2)
    path, query = (given.bytes(at) if at <= len(given) else b"" for at in (3, 4))
    fragment = path if len(given) >= 5 else b""
    url = scheme + b":" if scheme else b""
    shown = quote(path, safe=_IN_PATH).encode()
    if scheme or host:
        if host or path.startswith(b"//"):
            url += b"//" + quote(host, safe="!$&'()*+,;=:[]<>\"").encode()
        if shown and not shown.startswith(b"/") and host:
            url += b"/"
    elif b":" in shown.partition(b"/")[0]:
        url += b"./"
    url += shown
    if query:
        url += b"?" + query
    return url + (b"#" + quote(fragment, safe=_IN_PATH + "!?()*'").encode() if fragment else b"")


URL = {
    "parse": _parse,
    "query_unescape": lambda given: _unescaped(given.bytes(1), query=True),
    "path_escape": lambda given: quote(given.bytes(1), safe=_IN_SEGMENT),
    "build_url": _build,
}
