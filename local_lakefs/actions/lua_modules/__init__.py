"""The modules that lakeFS gives to Lua scripts (``pkg/actions/lua``), by their names there.

A function here gets `Arguments` and returns what goes back to the script: text, bytes, numbers, booleans,
None, dicts and lists of these, or a tuple of them for several results. It raises `CannotConvert`, whose
message becomes the script's error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local_lakefs.actions.lua_modules import (
    digests,
    encodings,
    json_text,
    parquet,
    regexps,
    text,
    times,
    urls,
    yaml_text,
)
from local_lakefs.actions.lua_modules.arguments import Arguments

Function = Callable[[Arguments], Any]
Modules = dict[str, Mapping[str, Function]]

MODULES: Modules = {
    "string": text.UNICODE,
    "strings": text.STRINGS,
    "path": text.PATH,
    "regexp": regexps.REGEXP,
    "time": times.TIME,
    "uuid": digests.UUID,
    "crypto/sha256": digests.SHA256,
    "crypto/hmac": digests.HMAC,
    "encoding/hex": encodings.HEX,
    "encoding/base64": encodings.BASE64,
    "encoding/z85enc": encodings.Z85,
    "encoding/json": json_text.JSON,
    "encoding/yaml": yaml_text.YAML,
    "encoding/parquet": parquet.PARQUET,
    "net/url": urls.URL,
}
"""Those that need nothing but their arguments. "string" adds to Lua's own library."""
